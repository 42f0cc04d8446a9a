"""A launch's arguments: checked against the kernel's signature, then laid out as the runtime wants them.

As with CuPy, an array goes to a pointer, a NumPy scalar to a scalar, and a NumPy array of size 1 with a structured
dtype to a struct by value. Nothing is converted: a Python int has no size, and a C ``int`` that is handed eight
bytes reads half of them, so it is refused.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from refconv_cuda.simulator import memory
from refconv_cuda.simulator.abi import Parameter, Region

Array = npt.NDArray[Any]

VECTOR_ALIGNMENT = 16  # bytes: a kernel may load float4 from any array that it is given

_KINDS = {b"i": "i", b"u": "u", b"f": "f", b"b": "b"}
_WORDS = {b"i": "int", b"u": "uint", b"f": "float", b"b": "bool", b"V": "struct"}


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
    copies: tuple[tuple[Array, Array], ...]  # (the caller's array, its copy in device memory)
    kept: tuple[object, ...]  # what the pointers point to

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


def arrange(kernel: str, parameters: Sequence[Parameter], texts: Sequence[str], values: Sequence[object]) -> Arguments:
    """Checks ``values`` and lays them out. texts: the parameters as declared. Raises ``TypeError``, ``ValueError``."""
    if len(values) != len(parameters):
        raise TypeError(f"{kernel} takes {len(parameters)} arguments ({', '.join(texts)}), but got {len(values)}")
    pointers = (ctypes.c_void_p * max(1, len(values)))()
    kept: list[object] = []
    pointees: list[Pointee] = []
    copies: list[tuple[Array, Array]] = []
    for i, (parameter, text, value) in enumerate(zip(parameters, texts, values, strict=True)):
        name = f"{kernel}: argument {i} ({text})"
        if parameter.kind == b"p":
            address = ctypes.c_void_p(None)
            if value is not None:
                device = _device_array(name, parameter, value)
                address = ctypes.c_void_p(device.__array_interface__["data"][0])
                fence = memory.fence_of(device)
                assert fence is not None  # _device_array has made sure
                read_only = bool(parameter.is_const) or not device.flags.writeable
                pointees.append(Pointee(text, device, fence, read_only))
                if device is not value:
                    copies.append((value, device))  # type: ignore[arg-type]
            kept.append(address)
            pointers[i] = ctypes.addressof(address)
        else:
            scalar = _by_value(name, parameter, value)
            kept.append(scalar)
            pointers[i] = scalar.ctypes.data  # __array_interface__ would spell out a struct's fields first
    return Arguments(pointers, tuple(pointees), tuple(copies), tuple(kept))


def _device_array(name: str, parameter: Parameter, value: object) -> Array:
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{name} is a pointer and needs a NumPy array, not {_described(value)}")
    if not value.flags.c_contiguous:
        raise ValueError(
            f"{name} needs a C-contiguous array: a kernel gets an address, not strides; this view has shape "
            f"{value.shape} and strides {value.strides}"
        )
    known = parameter.element in _KINDS and parameter.element_size > 1
    if known and (value.dtype.kind, value.itemsize) != (_KINDS[parameter.element], parameter.element_size):
        wanted = f"{_WORDS[parameter.element]}{8 * parameter.element_size}"
        raise TypeError(f"{name} points to {wanted}, but the array's dtype is {value.dtype}")
    if not value.dtype.isnative:
        raise TypeError(f"{name} has dtype {value.dtype}, but a kernel reads the machine's byte order")
    if memory.fence_of(value) is not None:
        return value
    device = memory.copy(value, alignment=VECTOR_ALIGNMENT)
    device.flags.writeable = value.flags.writeable
    return device


def _by_value(name: str, parameter: Parameter, value: object) -> Array:
    """A scalar or struct as a 0-dimensional array, which holds its bytes."""
    wanted = f"{_WORDS[parameter.kind]}{8 * parameter.size}" if parameter.kind != b"V" else f"{parameter.size} bytes"
    if isinstance(value, (bool, int, float)) and not isinstance(value, np.generic):
        example = wanted if parameter.kind != b"V" else "a structured dtype"
        raise TypeError(f"{name} needs {wanted}, and {_described(value)} has no size: pass a numpy.{example} scalar")
    if not isinstance(value, (np.generic, np.ndarray)):
        raise TypeError(f"{name} needs {wanted}, not {_described(value)}")
    if value.size != 1:
        raise TypeError(f"{name} is passed by value and needs a scalar, not an array of shape {value.shape}")
    array = np.asarray(value)
    right_kind = parameter.kind == b"V" or array.dtype.kind == _KINDS[parameter.kind]
    if not right_kind or array.itemsize != parameter.size:
        raise TypeError(f"{name} needs {wanted}, but got {array.dtype} ({array.itemsize} bytes)")
    return np.ascontiguousarray(array)


def _described(value: object) -> str:
    return f"the {type(value).__name__} {value!r}"
