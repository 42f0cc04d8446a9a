"""A launch's arguments: checked against the kernel's signature, then laid out as the runtime wants them.

As with CuPy, an array goes to a pointer, a NumPy scalar to a scalar, and a NumPy array of size 1 with a structured
dtype to a struct by value. Nothing is converted: a Python int has no size, and a C ``int`` that is handed eight
bytes reads half of them, so it is refused.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from refconv_cuda.simulator import memory
from refconv_cuda.simulator.abi import Parameter, Region

Array = npt.NDArray[Any]

_ALIGNMENT = 64  # bytes: that of the most aligned struct that a compiler may load at once

_KINDS = frozenset("iufb")  # of parameters that have a NumPy dtype, by the same letter
_WORDS = {"i": "int", "u": "uint", "f": "float", "b": "bool", "h": "float", "g": "bfloat"}


@dataclass(frozen=True)
class Slot:
    """A parameter as it concerns an argument. kind, element: the letters of `abi.Parameter`; wanted: in words."""

    name: str  # "kernel: argument 2 (float* x)"
    text: str  # "float* x"
    kind: str
    element: str
    size: int
    element_size: int
    is_const: bool

    @classmethod
    def of(cls, kernel: str, number: int, text: str, parameter: Parameter) -> Slot:
        """The slot of a kernel's parameter."""
        return cls(
            f"{kernel}: argument {number} ({text})",
            text,
            parameter.kind.decode(),
            parameter.element.decode("latin1"),
            parameter.size,
            parameter.element_size,
            bool(parameter.is_const),
        )

    @property
    def wanted(self) -> str:
        """``float32``, or the size of a struct."""
        return f"{_WORDS[self.kind]}{8 * self.size}" if self.kind in _WORDS else f"{self.size} bytes"


@dataclass(frozen=True)
class Pointee:
    """An array that a launch may touch: which argument it is, and where its memory lies."""

    parameter: str
    array: Array
    fence: memory.Fence
    read_only: bool

    @property
    def name(self) -> str:
        """The parameter's name: ``x`` of ``const float* __restrict__ x``."""
        return self.parameter.replace("*", " ").split()[-1]


@dataclass(frozen=True)
class Arguments:
    """What a launch needs: the ``void**``, the fenced arrays, and what must be copied back afterwards."""

    pointers: ctypes.Array[ctypes.c_void_p]
    pointees: tuple[Pointee, ...]
    copies: tuple[tuple[Array, Array], ...]  # (the caller's array, its copy that the kernel may write)
    kept: object  # what the pointers point to

    @property
    def regions(self) -> ctypes.Array[Region]:
        """Where each array lies, for the runtime's canaries and its checker. Two views of one array are one region."""
        writable = {id(pointee.fence) for pointee in self.pointees if not pointee.read_only}
        return (Region * len(self.pointees))(
            *(pointee.fence.region(read_only=id(pointee.fence) not in writable) for pointee in self.pointees)
        )

    def launched(self) -> None:
        """Notes that the kernel may have written what it could."""
        for pointee in self.pointees:
            if not pointee.read_only:
                pointee.fence.poison = None


def arrange(kernel: str, slots: Sequence[Slot], values: Sequence[object], *, check: bool) -> Arguments:
    """Checks ``values`` against the kernel's slots and lays them out. Raises ``TypeError``, ``ValueError``.

    check: whether the launch's accesses are checked, so that a read-only array may go where it could be written.
    """
    if len(values) != len(slots):
        texts = ", ".join(slot.text for slot in slots)
        raise TypeError(f"{kernel} takes {len(slots)} arguments ({texts}), but got {len(values)}")
    # The arguments' bytes, one after another, each aligned for any type; and where each begins.
    packed, offsets = bytearray(), []
    pointees: list[Pointee] = []
    copies: list[tuple[Array, Array]] = []
    in_device: dict[int, Array] = {}  # copies by the caller's array: twice the same one is the same memory
    for slot, value in zip(slots, values, strict=True):
        offsets.append(len(packed))
        if slot.kind != "p":
            data = _bytes(slot, value)
            pointees += _pointed_to(slot, data) if slot.kind == "V" else ()
        elif value is None:
            data = bytes(8)
        else:
            device = _device_array(slot, value, in_device)
            if not (slot.is_const or device.flags.writeable or check):
                raise ValueError(f"{slot.name} is not const, so the kernel may write it, but the array is read-only")
            fence = memory.fence_of(device)
            assert fence is not None  # _device_array has made sure
            pointees.append(Pointee(slot.text, device, fence, slot.is_const or not device.flags.writeable))
            if device is not value and not pointees[-1].read_only:
                copies.append((value, device))  # type: ignore[arg-type]
            data = device.__array_interface__["data"][0].to_bytes(8, "little")
        packed += data
        packed += bytes(-len(packed) % _ALIGNMENT)
    buffer = (ctypes.c_char * (len(packed) + _ALIGNMENT)).from_buffer(packed + bytes(_ALIGNMENT))
    base = -(-ctypes.addressof(buffer) // _ALIGNMENT) * _ALIGNMENT
    shift = base - ctypes.addressof(buffer)
    if shift:
        ctypes.memmove(base, bytes(packed), len(packed))
    pointers = (ctypes.c_void_p * max(1, len(values)))(*(base + offset for offset in offsets))
    return Arguments(pointers, tuple(pointees), tuple(copies), buffer)


def _pointed_to(slot: Slot, data: bytes) -> Iterator[Pointee]:
    """The arrays that the pointers in a struct point to, so that the checker knows them."""
    for i in range(0, len(data) - 7, 8):
        array = memory.array_at(int.from_bytes(data[i : i + 8], "little"))
        fence = memory.fence_of(array) if array is not None else None
        if array is not None and fence is not None:
            yield Pointee(slot.text, array, fence, read_only=False)


def _device_array(slot: Slot, value: object, in_device: dict[int, Array]) -> Array:
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{slot.name} is a pointer and needs a NumPy array, not {_described(value)}")
    if not value.flags.c_contiguous:
        raise ValueError(
            f"{slot.name} needs a C-contiguous array: a kernel gets an address, not strides; this view has shape "
            f"{value.shape} and strides {value.strides}"
        )
    if value.dtype.hasobject:
        raise TypeError(f"{slot.name} has dtype {value.dtype}, whose bytes are Python's own")
    known = slot.element in _KINDS and slot.element_size > 1
    if known and (value.dtype.kind, value.itemsize) != (slot.element, slot.element_size):
        wanted = f"{_WORDS[slot.element]}{8 * slot.element_size}"
        raise TypeError(f"{slot.name} points to {wanted}, but the array's dtype is {value.dtype}")
    if not value.dtype.isnative:
        raise TypeError(f"{slot.name} has dtype {value.dtype}, but a kernel reads the machine's byte order")
    if memory.fence_of(value) is not None:
        return value
    if id(value) not in in_device:
        in_device[id(value)] = memory.copy(value, alignment=memory.VECTOR_ALIGNMENT)
        in_device[id(value)].flags.writeable = value.flags.writeable
    return in_device[id(value)]


def _bytes(slot: Slot, value: object) -> bytes:
    """The bytes of a scalar or of a struct."""
    if not isinstance(value, (np.generic, np.ndarray)):
        if isinstance(value, (bool, int, float)):
            example = {"V": "numpy.a structured dtype", "g": "ml_dtypes.bfloat16"}.get(
                slot.kind, f"numpy.{slot.wanted}"
            )
            raise TypeError(
                f"{slot.name} needs {slot.wanted}, and {_described(value)} has no size: pass a {example} scalar"
            )
        raise TypeError(f"{slot.name} needs {slot.wanted}, not {_described(value)}")
    if value.size != 1:
        raise TypeError(f"{slot.name} is passed by value and needs a scalar, not an array of shape {value.shape}")
    dtype = value.dtype
    # bfloat16 is no kind of NumPy's own, but has its name from ml_dtypes.
    fits = dtype.name == slot.wanted if slot.kind in "gh" else slot.kind in ("V", dtype.kind)
    if dtype.itemsize != slot.size or not fits:
        raise TypeError(f"{slot.name} needs {slot.wanted}, but got {dtype} ({dtype.itemsize} bytes)")
    if dtype != dtype.newbyteorder("="):  # isnative does not look into a struct's arrays
        raise TypeError(f"{slot.name} has dtype {dtype}, but a kernel reads the machine's byte order")
    return value.tobytes()


def _described(value: object) -> str:
    return f"the {type(value).__name__} {value!r}"
