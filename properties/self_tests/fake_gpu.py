"""A GPU that is made of a clock: launches return at once and the work is done later, as on a real one.

`FakeGpu` keeps the host's time and each stream's; `cupy_for` is a CuPy on it, made of NumPy and the simulator. An event
that is asked for before it has happened is an error, as CUDA has it, so that whoever reads one unsynchronised is seen.
"""

import contextlib
import types

import numpy as np

from refconv_cuda import simulator
from refconv_cuda.device import KERNELS

TICK = 2.0**-20  # seconds; floats add, subtract and average whole ticks without rounding, so tests may ask for equality
ENQUEUE = 5 * TICK  # of the host, for a launch
GRAPH = 8 * TICK  # for that of a graph
MARK = TICK  # to record an event
EVICT = 50 * TICK  # of the stream, for a write that fills the cache


class NotReady(RuntimeError):
    """Stands for cudaErrorNotReady."""


class FakeGpu:
    """now: seconds of the host. launched: what each launch took, and on which stream. fault: of a kernel; from then on
    whatever waits for the GPU raises it, and so does a launch.
    """

    def __init__(self):
        self.now, self.busy, self.launched, self.fault = 0.0, {}, [], None
        self.capturing = None
        self.current = "default"

    def launch(self, seconds, *, stream=None, enqueue=ENQUEUE):
        """Work of some seconds, on the current stream unless another is named."""
        self._look()
        stream = self.current if stream is None else stream
        self.now += enqueue
        if self.capturing is not None and stream == self.current:
            self.capturing.append(seconds)
            return
        self.launched.append((stream, seconds))
        self.busy[stream] = max(self.now, self.busy.get(stream, 0.0)) + seconds

    def record(self, stream):
        """When the stream will have done what is on it."""
        self.now += MARK
        return max(self.now, self.busy.get(stream, 0.0))

    def elapsed(self, start, end):
        """Seconds between two events."""
        if max(start, end) > self.now:
            raise NotReady("device not ready")
        return end - start

    def wait(self, event):
        """The host waits."""
        self._look()
        self.now = max(self.now, event)

    def synchronize(self):
        """The host waits for all streams."""
        self._look()
        self.now = max([self.now, *self.busy.values()])

    def clock(self):
        """The host's clock."""
        return self.now

    def _look(self):
        if self.fault is not None:
            raise RuntimeError(self.fault)


class FakeStream:
    """A `refconv_reports.bench.timing.Stream` on it. capturable: whether calls may be captured."""

    def __init__(self, gpu, name="timed", *, capturable=True):
        self.gpu, self.name, self.capturable = gpu, name, capturable
        self.wait, self.elapsed, self.synchronize = gpu.wait, gpu.elapsed, gpu.synchronize

    @contextlib.contextmanager
    def current(self):
        before, self.gpu.current = self.gpu.current, self.name
        try:
            yield self
        finally:
            self.gpu.current = before

    def record(self):
        return self.gpu.record(self.name)

    def evict(self):
        self.gpu.launch(EVICT, stream=self.name)

    def capture(self, calls):
        if not self.capturable:
            raise RuntimeError("operation not permitted when stream is capturing")
        self.gpu.capturing = []
        try:
            calls()
            captured = self.gpu.capturing
        finally:
            self.gpu.capturing = None
        launch = types.SimpleNamespace()
        launch.launch = lambda: self.gpu.launch(sum(captured), stream=self.name, enqueue=GRAPH)
        return launch


# -- CuPy ------------------------------------------------------------------------------------------


def as_cupy_takes_it(options, grid, block, args, ndarray):
    """What CuPy 14 refuses to compile or launch with: `TypeError`, as it does."""
    for name, value in (("options", options), ("grid", grid), ("block", block)):
        if not isinstance(value, tuple):
            raise TypeError(f"Argument '{name}' has incorrect type (expected tuple, got {type(value).__name__})")
    for arg in args:
        if isinstance(arg, ndarray) or arg is None or isinstance(arg, (int, float, complex, np.generic)):
            continue
        if not (isinstance(arg, np.ndarray) and arg.size == 1):
            raise TypeError(f"Unsupported type {type(arg)} as a kernel parameter")


class CupyArray(np.ndarray):
    """Stands for ``cupy.ndarray``."""

    __module__ = "cupy"

    @property
    def data(self):
        """Only as `CupyStream` uses it."""
        return types.SimpleNamespace(memset_async=lambda value, size, stream: stream.gpu.launch(EVICT, stream=stream))


class _Event:
    at = None

    def synchronize(self):
        self.gpu.wait(self.at)


class _Stream:
    """CuPy's, on a `FakeGpu`."""

    def __init__(self, gpu):
        self.gpu = gpu
        self._graph = []

    def __enter__(self):
        self._before, self.gpu.current = self.gpu.current, self
        return self

    def __exit__(self, *error):
        self.gpu.current = self._before

    def record(self, event):
        event.gpu, event.at = self.gpu, self.gpu.record(self)
        return event

    def begin_capture(self):
        self.gpu.capturing = []

    def end_capture(self):
        captured, self.gpu.capturing = self.gpu.capturing, None
        graph = types.SimpleNamespace()
        graph.launch = lambda stream: self.gpu.launch(sum(captured), stream=stream, enqueue=GRAPH)
        return graph


def cupy_for(gpu, *, seconds=1000 * TICK, name=b"NVIDIA H200", spoil=None):
    """A module as CuPy 14 is, whose kernels take so many seconds each.

    spoil: called with the arguments of each launch after it, to make its result wrong.
    """
    cupy = types.ModuleType("cupy")
    cupy.__version__, cupy.ndarray = "14.2.0", CupyArray
    cupy.__getattr__ = lambda name: getattr(np, name)

    class RawModule:
        def __init__(self, *, code, options, name_expressions):
            as_cupy_takes_it(options, (), (), (), CupyArray)
            # CUDA's own headers are not for the simulator, which has its own.
            options = [option for option in options if not option.startswith("-I") or option == f"-I{KERNELS}"]
            self._module = simulator.RawModule(code=code, options=options, name_expressions=name_expressions)

        def get_function(self, kernel):
            function = self._module.get_function(kernel)

            def launch(grid, block, args, **more):
                as_cupy_takes_it((), grid, block, args, CupyArray)
                given = [np.asarray(arg) if isinstance(arg, CupyArray) else arg for arg in args]
                function(grid, block, given, **more)
                if spoil is not None:
                    spoil(given)
                gpu.launch(seconds)

            return launch

    def cast(make):
        return lambda *args, **more: np.asarray(make(*args, **more)).view(CupyArray)

    def matmul(a, b, **more):
        if gpu.capturing is not None:
            raise NotImplementedError("calling cuBLAS API during stream capture is currently unsupported")
        if not (isinstance(a, CupyArray) and isinstance(b, CupyArray)):
            raise TypeError(f"Unsupported type {type(a if not isinstance(a, CupyArray) else b)}")
        return np.matmul(a, b, **more)

    for function in ("asarray", "ascontiguousarray", "empty", "zeros", "tile"):
        setattr(cupy, function, cast(getattr(np, function)))
    cupy.matmul = cast(matmul)
    cupy.asnumpy = lambda array: np.array(array)
    cupy.RawModule = RawModule
    cupy.random = types.SimpleNamespace(default_rng=np.random.default_rng)
    cupy.get_default_memory_pool = lambda: types.SimpleNamespace(free_all_blocks=lambda: None)
    attributes = {38: 2**16, 13: 1_980_000, 36: 3_201_000}
    runtime = types.SimpleNamespace(
        getDevice=lambda: 0,
        getDeviceCount=lambda: 1,
        deviceSynchronize=gpu.synchronize,
        runtimeGetVersion=lambda: 13000,
        driverGetVersion=lambda: 13000,
        deviceGetAttribute=lambda attribute, device: attributes[attribute],
        getDeviceProperties=lambda device: {"name": name},
        memGetInfo=lambda: (2**30, 2**31),
        CUDARuntimeError=RuntimeError,
    )
    cupy.cuda = types.SimpleNamespace(
        runtime=runtime,
        nvrtc=types.SimpleNamespace(getVersion=lambda: (13, 0)),
        Stream=lambda non_blocking: _Stream(gpu),
        Event=_Event,
        get_elapsed_time=lambda start, end: 1000 * gpu.elapsed(start.at, end.at),
        Device=lambda number=0: types.SimpleNamespace(synchronize=gpu.synchronize, compute_capability="90"),
    )
    return cupy
