"""The structs that Python and the runtime exchange; field by field those of ``runtime/abi.h``."""

from __future__ import annotations

import ctypes as c


class Index(c.Structure):
    """A position in a grid or block; x varies fastest."""

    _fields_ = (("x", c.c_uint), ("y", c.c_uint), ("z", c.c_uint))

    def __str__(self) -> str:
        return f"({self.x}, {self.y}, {self.z})"

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter((self.x, self.y, self.z))


class Region(c.Structure):
    """The array [begin, end) inside the accessible pages [first, last)."""

    _fields_ = (
        ("first", c.c_void_p),
        ("begin", c.c_void_p),
        ("end", c.c_void_p),
        ("last", c.c_void_p),
        ("read_only", c.c_uint8),
        ("uninitialised", c.c_uint8),
    )


class StackMemory(c.Structure):
    """Where the threads of a block have their stacks."""

    _fields_ = (("base", c.c_size_t), ("size", c.c_size_t), ("count", c.c_int32))


class Launch(c.Structure):
    """What the runtime is asked to run."""

    _fields_ = (
        ("grid", Index),
        ("block", Index),
        ("order", c.c_int32),
        ("seed", c.c_uint64),
        ("step_budget", c.c_uint64),
        ("dynamic_shared", c.c_uint32),
        ("poison", c.c_uint32),
        ("canary", c.c_uint8),
        ("workers", c.c_int32),
        ("region_count", c.c_int32),
        ("regions", c.POINTER(Region)),
        ("stacks", c.POINTER(StackMemory)),
    )


class Finding(c.Structure):
    """What went wrong, and where."""

    _fields_ = (
        ("kind", c.c_int32),
        ("is_write", c.c_int32),
        ("other_is_write", c.c_int32),
        ("region", c.c_int32),
        ("size", c.c_int32),
        ("address", c.c_size_t),
        ("offset", c.c_uint64),
        ("signals", c.c_uint64),
        ("block", Index),
        ("thread", Index),
        ("other_block", Index),
        ("other_thread", Index),
        ("has_other", c.c_int32),
        ("line", c.c_int32),
        ("other_line", c.c_int32),
        ("file", c.c_char_p),
        ("other_file", c.c_char_p),
        ("message", c.c_char_p),
        ("pc", c.c_size_t),
        ("other_pc", c.c_size_t),
    )


class Parameter(c.Structure):
    """One parameter of a kernel, read off its signature by the compiler."""

    _fields_ = (
        ("kind", c.c_char),
        ("element", c.c_char),
        ("size", c.c_int32),
        ("element_size", c.c_int32),
        ("is_const", c.c_int32),
    )


class Kernel(c.Structure):
    """A kernel of a module, and how to call it."""

    _fields_ = (
        ("name", c.c_char_p),
        ("call", c.c_void_p),
        ("parameters", c.POINTER(Parameter)),
        ("parameter_count", c.c_int32),
    )


SIZES = tuple(c.sizeof(struct) for struct in (Region, Launch, Finding, Parameter, Kernel, StackMemory))

# The kinds of findings, as in runtime/abi.h.
(
    NONE,
    MEMORY_FAULT,
    STACK_OVERFLOW,
    ARITHMETIC_FAULT,
    TRAP,
    BARRIER_MISMATCH,
    BARRIER_DESERTED,
    CANARY,
    INTERRUPTED,
    OUT_OF_MEMORY,
    WARP_MASK,
    WARP_DIVERGED,
    WARP_DESERTED,
    UNDEFINED_LANE,
    OUT_OF_BOUNDS,
    MISALIGNED,
    READ_ONLY,
    UNINITIALISED,
    RACE,
    INDEX_OUT_OF_BOUNDS,
    ENDLESS,
    MEETS_COPY,
    RACES_COPY,
    COPY_SPACE,
) = range(24)

SHARED_REGION = -1
NO_REGION = -2
MODULE_REGION = -3

# What an access is, in Finding.is_write.
ACCESSES = {0: "reads", 1: "writes", 2: "atomically updates", -1: "accesses"}
