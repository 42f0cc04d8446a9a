"""NumPy arrays in the host's memory: the oracle's methods, the simulator, and frameworks on the CPU."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from refconv.certificate import Pair, operands
from refconv.formats import format_of
from refconv.layers import available_memory
from refconv.problem import Operator, Problem
from refconv_reports.bench import timing


@contextlib.contextmanager
def one_thread() -> Iterator[dict[str, Any] | None]:
    """NumPy's matrix products on one thread inside, if threadpoolctl is here; PyTorch's adapter sees to its own.

    With two, OpenBLAS waits for a thread that other work has driven away, for milliseconds.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield None
        return
    with threadpool_limits(1, user_api="blas"):
        yield {"blas_threads": 1}


class Host:
    """The home of NumPy arrays; results are timed by the wall clock."""

    name = "cpu"

    @property
    def cache(self) -> int:
        """Bytes of the largest cache that the operating system tells of, or 32 MB."""
        try:
            return os.sysconf("SC_LEVEL3_CACHE_SIZE") or 2**25
        except (OSError, ValueError):
            return 2**25

    @property
    def memory(self) -> int:
        """Bytes that are free."""
        return available_memory()

    def exact(self, operator: Operator, problem: Problem, seed: int, dtype: str) -> Pair:
        """Operands for a certificate. Raises ``ValueError`` where no sum of them would be exact."""
        return operands(operator, problem, seed, dtype)

    def noise(self, block: npt.NDArray[Any], count: int, dtype: str) -> npt.NDArray[Any]:
        """A flat array that repeats ``block``."""
        return np.resize(block, count).astype(format_of(dtype).dtype)

    def shaped(self, flat: Any, name: str, shape: tuple[int, ...]) -> Any:
        """The part as it is."""
        return flat.reshape(shape)

    def operand(self, array: Any, name: str, dtype: str) -> Any:
        """An exact operand as a call takes it."""
        return array

    def result(self, array: Any, operator: Operator) -> Any:
        """A call's result in refconv's layout."""
        return array

    def time(self, call: timing.Call, seconds: float) -> timing.Timing:
        """Durations of a call."""
        return timing.on_wall(call, seconds=seconds)

    def settle(self) -> None:
        """Nothing is pending, and nothing is hoarded."""
