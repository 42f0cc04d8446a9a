"""Device memory: arrays between no-access pages.

An array lies flush against the page after it (or before it, as the schedule says), so that the first access
beyond is a fault, which the runtime turns into an exception. What the accessible pages hold besides the array is
a canary, checked after each launch. Fresh arrays are filled with the schedule's poison.
"""

from __future__ import annotations

import ctypes
import functools
import math
import mmap
import threading
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from refconv_cuda.simulator import schedule
from refconv_cuda.simulator.abi import Region

Array = npt.NDArray[Any]

CANARY = 0xA5
VECTOR_ALIGNMENT = (
    16  # bytes: a kernel may load float4 from any array that comes from outside, or by one of CuPy's names
)
PAGE = mmap.PAGESIZE
_PATTERN_BYTES = 2**16
KEPT_BYTES = 64 * 2**20  # freed fences kept for the next array: a system call costs more than a small kernel

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
_libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_PROT_NONE = 0


@functools.cache
def _pattern(poison: int) -> bytes:
    return poison.to_bytes(4, "little") * (_PATTERN_BYTES // 4)


class Fence:
    """Accessible pages between two no-access pages, and one array in them."""

    def __init__(self, pages: int) -> None:
        size = (pages + 2) * PAGE
        base = _libc.mmap(None, size, _PROT_NONE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
        if base in (None, ctypes.c_void_p(-1).value):
            raise MemoryError(f"cannot map {size} bytes for an array")
        self.first = base + PAGE
        self.last = self.first + pages * PAGE
        if _libc.mprotect(self.first, pages * PAGE, mmap.PROT_READ | mmap.PROT_WRITE):
            _libc.munmap(base, size)
            raise MemoryError(f"cannot make {pages * PAGE} bytes accessible for an array")
        self.pages = pages
        self.begin = self.end = self.first
        self.poison: int | None = None  # what the array was filled with, while nothing has been written to it

    def unmap(self) -> None:
        _libc.munmap(self.first - PAGE, (self.pages + 2) * PAGE)

    def place(self, size: int, alignment: int, side: schedule.Fence, poison: int) -> None:
        """Makes room for ``size`` bytes at a multiple of ``alignment``, as near to the fence as that allows."""
        if side == "after":
            self.begin = (self.last - size) // alignment * alignment
        else:
            self.begin = self.first
        self.end = self.begin + size
        ctypes.memset(self.first, CANARY, self.begin - self.first)
        pattern = _pattern(poison)
        for start in range(self.begin, self.end, _PATTERN_BYTES):
            ctypes.memmove(start, pattern, min(_PATTERN_BYTES, self.end - start))
        ctypes.memset(self.end, CANARY, self.last - self.end)
        self.poison = poison

    def is_uninitialised(self) -> bool:
        """Whether nobody has written the array: neither a launch, nor, as its bytes tell, anything else."""
        if self.poison is None:
            return False
        pattern = _pattern(self.poison)
        for start in range(self.begin, self.end, _PATTERN_BYTES):
            size = min(_PATTERN_BYTES, self.end - start)
            if ctypes.string_at(start, size) != pattern[:size]:
                return False
        return True

    def region(self, *, read_only: bool) -> Region:
        """What the runtime must know of the array."""
        return Region(self.first, self.begin, self.end, self.last, read_only, self.is_uninitialised())


class _Pool:
    """Freed fences by size. Thread-safe: arrays die wherever the garbage collector runs."""

    def __init__(self) -> None:
        self._free: dict[int, list[Fence]] = {}
        self._bytes = 0
        self._lock = threading.RLock()

    def take(self, pages: int) -> Fence:
        with self._lock:
            fences = self._free.get(pages)
            if fences:
                self._bytes -= pages * PAGE
                return fences.pop()
        return Fence(pages)

    def give_back(self, fence: Fence) -> None:
        with self._lock:
            if self._bytes + fence.pages * PAGE <= KEPT_BYTES:
                self._bytes += fence.pages * PAGE
                self._free.setdefault(fence.pages, []).append(fence)
                return
        fence.unmap()


class _Owner:
    """Holds a fence for as long as any array views it; NumPy keeps it as the array's base."""

    def __init__(self, fence: Fence, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.fence = fence
        self.__array_interface__ = {
            "data": (fence.begin, False),
            "shape": shape,
            "typestr": dtype.str,
            "version": 3,
        }
        _live[fence.begin] = weakref.ref(self)
        weakref.finalize(self, _release, fence).atexit = False


_pool = _Pool()
_live: dict[int, weakref.ref[_Owner]] = {}  # by address


def _release(fence: Fence) -> None:
    _live.pop(fence.begin, None)
    _pool.give_back(fence)


def array_at(address: int) -> Array | None:
    """The array of device memory that holds an address, if there is one."""
    for begin, reference in list(_live.items()):
        owner = reference()
        if owner is not None and begin <= address < owner.fence.end:
            return np.asarray(owner)
    return None


def empty(shape: int | tuple[int, ...], dtype: npt.DTypeLike = float, *, alignment: int | None = None) -> Array:
    """An array of device memory that holds poison.

    alignment: of its first byte. The default, the dtype's own, lets no byte lie between array and fence; a kernel
    that loads vectors wants theirs. Raises ``MemoryError``.
    """
    dtype = np.dtype(dtype)
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    size = math.prod(shape) * dtype.itemsize
    fence = _pool.take(max(1, -(-size // PAGE)))
    now = schedule.current()
    fence.place(size, alignment or dtype.alignment, now.fence, now.poison)
    return np.asarray(_Owner(fence, shape, dtype)).view(dtype)


def copy(array: Array, *, alignment: int | None = None) -> Array:
    """A C-contiguous copy of ``array`` in device memory; views, strides and byte order are resolved by NumPy."""
    device = empty(array.shape, array.dtype.newbyteorder("="), alignment=alignment)
    device[...] = array
    fence = fence_of(device)
    assert fence is not None
    fence.poison = None
    return device


# -- by CuPy's names -----------------------------------------------------------------------------------------------


def asarray(values: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> Array:
    """``values`` as an array of device memory: itself if it is one of that dtype, else a copy. Raises as NumPy does."""
    array = np.asarray(values, dtype)
    return array if fence_of(array) is not None else copy(array, alignment=VECTOR_ALIGNMENT)


def asnumpy(array: Array) -> Array:
    """A copy in ordinary memory."""
    return np.array(array)


def zeros(shape: int | tuple[int, ...], dtype: npt.DTypeLike = float) -> Array:
    """An array of device memory that holds 0."""
    return copy(np.zeros(shape, dtype), alignment=VECTOR_ALIGNMENT)


def zeros_like(array: Array) -> Array:
    """An array of device memory that holds 0, of the shape and dtype of ``array``."""
    return zeros(array.shape, array.dtype)


def empty_like(array: Array) -> Array:
    """An array of device memory that holds poison, of the shape and dtype of ``array``."""
    return empty(array.shape, array.dtype, alignment=VECTOR_ALIGNMENT)


def fence_of(array: Array) -> Fence | None:
    """The fence that an array or a view lies in; None for ordinary memory."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base.fence if isinstance(base, _Owner) else None
