"""PyTorch tensors, on a GPU or on the CPU, in the memory format channels_last: the peers' home."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt

from refconv.problem import Operator
from refconv_reports.bench import timing

EVICTED = 2  # times the cache's size


class TorchStream:
    """A `timing.Stream` of PyTorch's."""

    def __init__(self, torch: Any, cache: int) -> None:
        self._torch = torch
        self._stream = torch.cuda.Stream()
        self._evicting = torch.empty(max(EVICTED * cache, 1), dtype=torch.uint8, device="cuda")

    def current(self) -> AbstractContextManager[Any]:
        """The stream as PyTorch's current one."""
        entered: AbstractContextManager[Any] = self._torch.cuda.stream(self._stream)
        return entered

    def record(self) -> Any:
        """A new event, recorded now."""
        return self._stream.record_event(self._torch.cuda.Event(enable_timing=True))

    def wait(self, event: Any) -> None:
        """Until the event has happened."""
        event.synchronize()

    def elapsed(self, start: Any, end: Any) -> float:
        """Seconds; PyTorch raises where one of the two has not happened."""
        return float(start.elapsed_time(end)) / 1000

    def synchronize(self) -> None:
        """Until the whole GPU is idle, CuPy's streams included."""
        self._torch.cuda.synchronize()

    def evict(self) -> None:
        """Writes twice the cache's size."""
        with self.current():
            self._evicting.zero_()

    def capture(self, calls: Callable[[], object]) -> timing.Graph:
        """The launches as a graph, in memory that PyTorch keeps for it."""
        graph = self._torch.cuda.CUDAGraph()
        with self._torch.cuda.graph(graph, stream=self._stream):
            calls()
        return _Replay(graph, self)


class _Replay:
    def __init__(self, graph: Any, stream: TorchStream) -> None:
        self._graph, self._stream = graph, stream

    def launch(self) -> None:
        with self._stream.current():
            self._graph.replay()


class OnTorch:
    """The home of tensors. device: ``cuda`` or ``cpu``."""

    def __init__(self, torch: Any, device: str) -> None:
        self.torch, self.device = torch, device
        self.name = "gpu" if device == "cuda" else "cpu"
        self.cache = int(torch.cuda.get_device_properties(0).L2_cache_size) if device == "cuda" else 2**25
        self.stream = TorchStream(torch, self.cache) if device == "cuda" else None

    def noise(self, block: npt.NDArray[Any], count: int, dtype: str) -> Any:
        """A flat tensor that repeats ``block``."""
        drawn = self.torch.from_numpy(block).to(self.device, self.dtype(dtype))
        return drawn.repeat(-(-count // len(drawn)))[:count]

    def shaped(self, flat: Any, name: str, shape: tuple[int, ...]) -> Any:
        """X and G as NCHW tensors whose memory is NHWC, W as an OIHW tensor whose memory is OHWI."""
        if name == "w":
            height, width, inputs, outputs = shape
            shape = (outputs, height, width, inputs)
        return flat.view(shape).permute(0, 3, 1, 2)

    def operand(self, array: Any, name: str, dtype: str) -> Any:
        """An exact operand, from NumPy or CuPy, in the same layout; what is exact in float32 goes by way of it."""
        wide = array.astype(np.float64 if array.dtype == np.float64 else np.float32)
        tensor = self.torch.from_dlpack(wide).to(self.device, self.dtype(dtype))
        order = (3, 2, 0, 1) if name == "w" else (0, 3, 1, 2)
        return tensor.permute(order).contiguous(memory_format=self.torch.channels_last)

    def result(self, tensor: Any, operator: Operator) -> Any:
        """A result as refconv has it, NumPy's or CuPy's array; float32 holds what the narrow formats do."""
        order = (2, 3, 1, 0) if operator == "grad_weight" else (0, 2, 3, 1)
        wide = tensor.detach().permute(order).contiguous()
        if wide.dtype not in (self.torch.float32, self.torch.float64):
            wide = wide.to(self.torch.float32)
        if self.device == "cpu":
            return wide.numpy()
        import cupy

        self.torch.cuda.synchronize()
        return cupy.from_dlpack(wide)

    def time(self, call: timing.Call, seconds: float) -> timing.Timing:
        """Durations of a call."""
        if self.stream is None:
            return timing.on_wall(lambda i: call(i).numpy(), seconds=seconds)
        self.settle()
        return timing.on_stream(self.stream, call, seconds=seconds)

    def settle(self) -> None:
        """Waits for the GPU, and gives memory back that nobody uses: CuPy may need it."""
        if self.stream is not None:
            self.torch.cuda.synchronize()
            self.torch.cuda.empty_cache()

    def dtype(self, name: str) -> Any:
        """PyTorch's dtype for a precision."""
        return getattr(self.torch, "float32" if name == "tf32" else name)
