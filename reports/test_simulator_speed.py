"""How many small convolution problems a second the simulator runs, beside Numba's CUDA simulator.

    python -m pytest reports -s --benchmark-json reports/results/<machine>-<date>.json

One process. Ours runs with fences and random schedules, as the property suite does. A round is one pass over the same
examples; each result is compared with the oracle, exactly, before any time counts. Launching from Python, copying the
operands in and the result out are part of the time, for both.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from sample import Example, examples

from refconv import Problem, windows
from refconv_cuda import convolution, geometry
from refconv_cuda.simulator import RawModule, Schedule, checked, scheduled

pytest.importorskip("pytest_benchmark")

THREADS = 64
RATES: dict[str, float] = {}
LAYER = Problem.parse("b4h28w28i64o128k3s1p1")
LAYERS: dict[int, float] = {}  # seconds, by threads

Forward = Callable[[Example], np.ndarray]


@pytest.mark.parametrize("check", [False, True], ids=["plain", "checked"])
@pytest.mark.parametrize("name", ["implicit_gemm", "implicit_gemm_64", "im2col"])
def test_kernels(benchmark, name, check):
    """The forward pass of each implementation of ours, plain and with every access to memory checked."""
    implementation = getattr(convolution, name).on("simulator")

    def forward(example: Example) -> np.ndarray:
        with checked() if check else nullcontext():
            return implementation.forward(example.operands.x, example.operands.w, example.problem)

    label = f"{implementation.name}, checked" if check else implementation.name
    _measure(benchmark, label, forward, examples(400), rounds=5)


def test_thread_switch(benchmark):
    """One switch from thread to thread: a kernel that does nothing but wait at barriers."""
    barriers, threads = 2000, 128
    code = 'extern "C" __global__ void wait(int n) { for (int i = 0; i < n; ++i) __syncthreads(); }'
    kernel = RawModule(code=code).get_function("wait")
    benchmark.pedantic(kernel, ((1,), (threads,), (np.int32(barriers),)), rounds=20, warmup_rounds=2)
    nanoseconds = benchmark.stats.stats.median / (barriers * threads) * 1e9
    benchmark.extra_info |= {"kind": "simulator", "implementation": "nothing but barriers", "checked": False}
    benchmark.extra_info |= {"problems_per_second": 1 / benchmark.stats.stats.median}
    benchmark.extra_info["nanoseconds_per_switch"] = round(nanoseconds, 2)
    RATES["switch"] = nanoseconds


@pytest.mark.parametrize("threads", [1, 2])
def test_layer(benchmark, monkeypatch, threads):
    """A launch of a layer's size, its blocks on one operating-system thread or shared out to two."""
    monkeypatch.setattr(RawModule, "workers", lambda self, blocks, _: min(threads, blocks))
    problem, rng = LAYER, np.random.default_rng(0)
    x, w = (rng.integers(-8, 9, shape).astype(np.float32) for shape in (problem.x_shape, problem.w_shape))
    implementation = convolution.implicit_gemm_64.on("simulator")
    y = benchmark.pedantic(implementation.forward, (x, w, problem), rounds=5, warmup_rounds=1)
    assert np.array_equal(y, windows.forward(x, w, problem))
    LAYERS[threads] = benchmark.stats.stats.min
    named = f"implicit-gemm-64, {LAYER}, on {threads} thread{'s' * (threads > 1)}"
    benchmark.extra_info |= {"kind": "simulator", "implementation": named, "checked": False}
    benchmark.extra_info |= {"problems_per_second": 1 / benchmark.stats.stats.median}


def test_direct_kernel(benchmark):
    """One thread an output element, on our simulator."""
    kernel = RawModule(path=Path(__file__).parent / "direct_forward.cu").get_function("direct_forward")

    def forward(example: Example) -> np.ndarray:
        y = np.full(example.problem.y_shape, np.nan, np.float32)
        scalars = [np.int32(value) for value in geometry.struct(example.problem).item()]
        if y.size:
            kernel((-(-y.size // THREADS),), (THREADS,), (example.operands.x, example.operands.w, y, *scalars))
        return y

    _measure(benchmark, "direct", forward, examples(400), rounds=5)


def test_direct_kernel_in_numbas_simulator(benchmark):
    """Its twin on Numba's; fewer examples, because they take so long."""
    direct_forward = pytest.importorskip("numba_direct", exc_type=ImportError).direct_forward

    def forward(example: Example) -> np.ndarray:
        y = np.full(example.problem.y_shape, np.nan, np.float32)
        scalars = geometry.struct(example.problem).item()
        if y.size:
            flat = (example.operands.x.ravel(), example.operands.w.ravel(), y.ravel())
            direct_forward[-(-y.size // THREADS), THREADS](*flat, *scalars)
        return y

    # Every fortieth: Hypothesis begins with the smallest problems.
    _measure(benchmark, "direct, Numba's simulator", forward, examples(400)[::40], rounds=1)


@pytest.fixture(autouse=True, scope="module")
def _side_by_side():
    """Prints the rates when all are known."""
    yield
    print("\n\nproblems a second, one process, forward pass, fences and random schedules")
    switch = RATES.pop("switch", None)
    for name, rate in RATES.items():
        plain = RATES.get(name.removesuffix(", checked"))
        cost = f"   {plain / rate:.1f} times slower than plain" if plain and name.endswith("checked") else ""
        print(f"  {name:28} {rate:10,.1f}{cost}")
    if len(LAYERS) == 2:
        milliseconds = {threads: 1000 * seconds for threads, seconds in LAYERS.items()}
        print(f"  {LAYER}: {milliseconds[1]:.1f} ms, shared out to two threads {milliseconds[2]:.1f} ms")
    if switch:
        print(f"  one thread switch, its share of the barrier included: {switch:.1f} ns")
    ours, numbas = RATES.get("direct"), RATES.get("direct, Numba's simulator")
    if ours and numbas:
        print(f"  the same kernel: {ours / numbas:,.0f} times as fast as in Numba's simulator")


def _measure(benchmark, name: str, forward: Forward, sample: list[Example], *, rounds: int) -> None:
    def once() -> None:
        for example in sample:
            with scheduled(Schedule.from_seed(example.seed)):
                forward(example)

    for example in sample:
        with scheduled(Schedule.from_seed(example.seed)):
            assert np.array_equal(forward(example), example.y), f"{name} is wrong on {example.problem}"
    benchmark.pedantic(once, rounds=rounds, warmup_rounds=1 if rounds > 1 else 0)
    RATES[name] = len(sample) / benchmark.stats.stats.median
    implementation = name.removesuffix(", checked")
    benchmark.extra_info |= {"kind": "simulator", "implementation": implementation, "checked": implementation != name}
    benchmark.extra_info |= {"problems": len(sample), "problems_per_second": round(RATES[name], 1)}
