"""The simulator as a device for refconv's kernels."""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from refconv_cuda.device import KERNELS
from refconv_cuda.simulator import compiler, memory
from refconv_cuda.simulator.errors import CompilerMissing
from refconv_cuda.simulator.module import RawKernel, RawModule


def unavailable() -> str | None:
    """Why there is no simulator here, or None."""
    try:
        compiler.find()
    except CompilerMissing as reason:
        return str(reason)
    return None


class Simulator:
    """Arrays between fences, launches under the schedule in force; matrix products are NumPy's."""

    name = "simulator"
    architecture = None

    def lacks(self, dtype: str) -> str | None:
        """None: NumPy has them all, as far as an operand of that dtype could be made."""
        return None

    def holds(self, array: object) -> bool:
        """Results are NumPy arrays of the caller's own, never views of fenced memory."""
        return False

    def to_device(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return memory.copy(array)

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        return memory.empty(shape, dtype)

    def to_host(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.array(array)

    def matmul(self, a: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[Any]:
        product: npt.NDArray[Any] = np.matmul(a, b)
        return product

    @functools.cache  # noqa: B019 (there is one simulator, and it lives as long as the process)
    def kernel(self, file: str, name: str) -> RawKernel:
        # Blocks of our own kernels have nothing to do with one another.
        threads = len(os.sched_getaffinity(0))
        return RawModule(path=KERNELS / file, name_expressions=(name,), threads=threads).get_function(name)
