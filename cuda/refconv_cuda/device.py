"""Where kernels run: a small interface with two implementations, `gpu` (CuPy) and `simulator`.

The same .cu files run on both, byte for byte. Importing this module loads neither.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy.typing as npt

DeviceName = Literal["auto", "gpu", "simulator"]
DEVICES: tuple[DeviceName, ...] = ("auto", "gpu", "simulator")
KERNELS = Path(__file__).parent / "kernels"
VECTOR_BYTES = 16  # what the address of a vector access is a multiple of

Array = Any  # a NumPy array, or a CuPy array on the GPU


class Kernel(Protocol):
    """A kernel, ready to launch."""

    def __call__(self, grid: Sequence[int], block: Sequence[int], args: Sequence[object]) -> None: ...


class Device(Protocol):
    """Memory, matrix products and kernels of one device."""

    @property
    def name(self) -> str:
        """``gpu`` or ``simulator``."""

    @property
    def architecture(self) -> int | None:
        """Of a GPU, as 90 for sm_90; None where any kernel runs that can be compiled."""

    def lacks(self, dtype: str) -> str | None:
        """Why there are no arrays of that dtype here, in a sentence, or None."""

    def holds(self, array: object) -> bool:
        """Whether ``array`` is this device's own kind of array, which then also is what results are returned as."""

    def to_device(self, array: Array) -> Array:
        """A C-contiguous array in the device's memory with the values of ``array``.

        Where its channels are whole vectors, it begins at a multiple of one, or of `VECTOR_BYTES`.
        """

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Device memory that holds the poison of the schedule in force."""

    def to_host(self, array: Array) -> npt.NDArray[Any]:
        """A NumPy array of the caller's own."""

    def matmul(self, a: Array, b: Array) -> Array:
        """A batch of matrix products, in the operands' precision."""

    def kernel(self, file: str, name: str) -> Kernel:
        """The kernel or template instance ``name`` of ``kernels/<file>``.

        Raises `DeviceMissing` where a header that it needs is not here.
        """


class DeviceMissing(Exception):
    """The device cannot be had here; the message says what to install."""


def address(array: Array) -> int:
    """Where an array's first element is."""
    interface = getattr(array, "__cuda_array_interface__", None) or array.__array_interface__
    return int(interface["data"][0])


@functools.cache
def find(name: str = "auto") -> Device:
    """The device of that name; ``auto`` is a GPU where there is one, else the simulator.

    Raises ``ValueError`` for another name and `DeviceMissing` where there is no such device.
    """
    if name not in DEVICES:
        raise ValueError(f"device = {name!r} must be one of {', '.join(DEVICES)}")
    if name in ("auto", "gpu"):
        from refconv_cuda import cupy_wheels, gpu

        reason = cupy_wheels.unavailable()
        if reason is None:
            return gpu.Gpu()
        if name == "gpu":
            raise DeviceMissing(reason)
    from refconv_cuda.simulator import device

    reason = device.unavailable()
    if reason is not None:
        raise DeviceMissing(reason)
    return device.Simulator()
