"""CuPy arrays on a GPU: our kernels. CuPy is imported when the home is made."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from refconv.certificate import Pair, operands
from refconv.formats import Format, format_of
from refconv.problem import Operator, Problem
from refconv_reports.bench import timing

L2_CACHE_SIZE = 38  # cudaDevAttrL2CacheSize
DRAWN_AT_ONCE = 2**26  # 8-byte numbers


class CupyStream:
    """A `timing.Stream` of CuPy's. It does not wait for the default stream, and nobody else uses it."""

    def __init__(self, cupy: Any, cache: int) -> None:
        self._cupy = cupy
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._evicting = cupy.empty(max(2 * cache, 1), np.uint8)

    def current(self) -> AbstractContextManager[Any]:
        """The stream as CuPy's current one."""
        stream: AbstractContextManager[Any] = self._stream
        return stream

    def record(self) -> Any:
        """A new event, recorded now."""
        return self._stream.record(self._cupy.cuda.Event())

    def wait(self, event: Any) -> None:
        """Until the event has happened."""
        event.synchronize()

    def elapsed(self, start: Any, end: Any) -> float:
        """Seconds; CUDA raises where one of the two has not happened."""
        return float(self._cupy.cuda.get_elapsed_time(start, end)) / 1000

    def synchronize(self) -> None:
        """Until the whole GPU is idle, PyTorch's streams included."""
        self._cupy.cuda.Device().synchronize()

    def evict(self) -> None:
        """Writes twice the cache's size."""
        self._evicting.data.memset_async(0, self._evicting.nbytes, self._stream)

    def capture(self, calls: Callable[[], object]) -> timing.Graph:
        """The launches as a graph; what else was begun is ended, whatever happens."""
        self._stream.begin_capture()
        try:
            calls()
        except BaseException:
            self._end_broken_capture()
            raise
        return _Replay(self._stream.end_capture(), self._stream)

    def _end_broken_capture(self) -> None:
        try:
            self._stream.end_capture()
        except Exception:  # it was invalidated, which is why we are here
            return


class _Replay:
    def __init__(self, graph: Any, stream: Any) -> None:
        self._graph, self._stream = graph, stream

    def launch(self) -> None:
        self._graph.launch(self._stream)


class OnCupy:
    """The home of CuPy arrays."""

    name = "gpu"

    def __init__(self) -> None:
        import cupy

        self._cupy = cupy
        runtime = cupy.cuda.runtime
        self.cache = int(runtime.deviceGetAttribute(L2_CACHE_SIZE, runtime.getDevice()))
        self.stream = CupyStream(cupy, self.cache)

    @property
    def memory(self) -> int:
        """Bytes that are free on the GPU."""
        return int(self._cupy.cuda.runtime.memGetInfo()[0])

    def exact(self, operator: Operator, problem: Problem, seed: int, dtype: str) -> Pair:
        """Operands for a certificate, drawn on the GPU: the host would take seconds. Raises ``ValueError``."""
        try:
            pair = operands(operator, problem, seed, dtype, draw=self._integers, thin=self._thinned)
        except ImportError:  # CuPy's generators want cuRAND, which need not be here
            pair = operands(operator, problem, seed, dtype)
            pair = replace(pair, first=self._cupy.asarray(pair.first), second=self._cupy.asarray(pair.second))
        self.settle()
        return pair

    def noise(self, block: npt.NDArray[Any], count: int, dtype: str) -> Any:
        """A flat array that repeats ``block``."""
        drawn = self._cupy.asarray(block.astype(format_of(dtype).dtype))
        return self._cupy.tile(drawn, -(-count // drawn.size))[:count]

    def shaped(self, flat: Any, name: str, shape: tuple[int, ...]) -> Any:
        """The part as it is."""
        return flat.reshape(shape)

    def operand(self, array: Any, name: str, dtype: str) -> Any:
        """An exact operand as a call takes it."""
        return self._cupy.asarray(array)

    def result(self, array: Any, operator: Operator) -> Any:
        """A call's result in refconv's layout."""
        return array

    def time(self, call: timing.Call, seconds: float) -> timing.Timing:
        """Durations of a call."""
        self.settle()
        return timing.on_stream(self.stream, call, seconds=seconds)

    def settle(self) -> None:
        """Waits for the GPU, and gives memory back that nobody uses: PyTorch may need it."""
        self.stream.synchronize()
        self._cupy.get_default_memory_pool().free_all_blocks()

    def _integers(self, shape: tuple[int, ...], magnitude: int, form: Format, seed: int, *, stream: int) -> Any:
        """As `refconv.exact.integers`, by CuPy's generator."""
        random = self._cupy.random.default_rng(int(np.random.SeedSequence([seed, stream]).generate_state(1)[0]))
        drawn = self._cupy.empty(math.prod(shape), form.dtype)
        for start in range(0, drawn.size, DRAWN_AT_ONCE):
            size = min(DRAWN_AT_ONCE, drawn.size - start)
            # From 0 on: what it draws is unsigned at first.
            values = random.integers(0, 2 * magnitude, size, dtype=np.int64) - magnitude
            values += values >= 0  # no zero, and the magnitude itself on both sides
            drawn[start : start + size] = values.astype(np.float64)
        return drawn.reshape(shape)

    def _thinned(self, values: Any, keep: int, seed: int, *, stream: int) -> Any:
        """As `refconv.exact.thinned`."""
        if values.size <= keep:
            return values
        kept = np.random.default_rng([seed, stream]).choice(values.size, keep, replace=False)
        kept = self._cupy.asarray(kept)
        thinned = self._cupy.zeros(values.size, values.dtype)
        thinned[kept] = values.ravel()[kept]
        return thinned.reshape(values.shape)
