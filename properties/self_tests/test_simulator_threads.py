"""Blocks shared out to operating-system threads: the same results, the same findings, no signal lost."""

import signal

import numpy as np
import pytest

from refconv.problem import Problem
from refconv_cuda import convolution, simulator
from refconv_cuda.simulator import KernelTrap, OutOfBounds, RawModule, Schedule, checked, module, scheduled

SOURCE = """
#include <cstdio>

// Block n's threads hand their neighbours' values on through shared memory.
extern "C" __global__ void mirror(float* x) {
    __shared__ float tile[64];
    float* mine = x + blockIdx.x * 64;
    for (int i = 0; i < 3; ++i) {
        tile[threadIdx.x] = mine[threadIdx.x];
        __syncthreads();
        mine[threadIdx.x] = 2 * tile[63 - threadIdx.x];
        __syncthreads();
    }
}
extern "C" __global__ void position(int* at) {
    extern __shared__ int dynamic[];
    dynamic[threadIdx.x] = blockIdx.x + gridDim.x * blockIdx.y;
    __syncthreads();
    at[dynamic[blockDim.x - 1 - threadIdx.x] * blockDim.x + threadIdx.x] = threadIdx.x;
}
extern "C" __global__ void count(int* i, unsigned* u, float* f, double* d, float4* v, unsigned long long* w, int* cas) {
    for (int n = 0; n < 50; ++n) {
        atomicAdd(i, 1);
        atomicInc(u, 0xffffffffu);
        atomicAdd(f, 1.0f);
        atomicAdd(d, 1.0);
        atomicAdd(v, make_float4(1, 2, 3, 4));
        atomicMax(w, 1ull + blockIdx.x * blockDim.x + threadIdx.x);
        int seen = *cas, expected;
        do {
            expected = seen;
            seen = atomicCAS(cas, expected, expected + 1);
        } while (seen != expected);
    }
}
// From block `from` on something is wrong; before it, threads take their time.
extern "C" __global__ void fail(int from, int how, int zero, int* x) {
    if (blockIdx.x < from) {
        for (int i = 0; i < 2000; ++i) __threadfence();
        return;
    }
    if (threadIdx.x == 5) {
        if (how == 0) x[4] = 1;
        if (how == 1) x[0] = x[1] / zero;
        if (how == 2) assert(zero);
        if (how == 3) __trap();
    }
    __syncthreads();
    if (blockIdx.x > from) for (;;) __nanosleep(1);  // as if it waited for the block that has failed
}
extern "C" __global__ void endless(int from) {
    if (blockIdx.x >= from) for (;;) __nanosleep(1);
}
extern "C" __global__ void say() { if (threadIdx.x == 0) printf("block %d of %d\\n", blockIdx.x, gridDim.x); }
"""


class TimeIsUp(Exception):
    pass


@pytest.fixture(scope="module")
def kernels():
    return RawModule(code=SOURCE, threads=4)


@pytest.fixture(autouse=True)
def _any_launch_is_large(monkeypatch):
    monkeypatch.setattr(module, "SHARED_FROM", 1)


def run(kernels, name, grid, block, *arguments, **options):
    kernels.get_function(name)(grid, block, arguments, **options)


def run_with_alarm(delay, *launch):
    signal.setitimer(signal.ITIMER_REAL, delay)
    run(*launch)


def test_shared_memory_is_each_blocks_own(kernels):
    x = np.arange(300 * 64, dtype=np.float32)
    expected = 8 * x.reshape(300, 64)[:, ::-1].ravel()
    run(kernels, "mirror", (300,), (64,), x)
    assert np.array_equal(x, expected)


def test_every_block_runs_once(kernels):
    at = np.full((7 * 11, 32), -1, np.int32)
    run(kernels, "position", (7, 11), (32,), at, shared_mem=128)
    assert np.array_equal(at, np.tile(np.arange(32), (77, 1)))


def test_atomics_lose_nothing(kernels):
    i, u, f, d = (np.zeros(1, dtype) for dtype in ("int32", "uint32", "float32", "float64"))
    v, w, cas = np.zeros(4, np.float32), np.zeros(1, np.uint64), np.zeros(1, np.int32)
    run(kernels, "count", (64,), (64,), i, u, f, d, v, w, cas)
    total = 64 * 64 * 50
    assert [i[0], u[0], f[0], d[0], cas[0]] == [total] * 5
    assert np.array_equal(v, total * np.array([1, 2, 3, 4]))
    assert w[0] == 64 * 64


@pytest.mark.parametrize("start", [0, 7, 40])
@pytest.mark.parametrize("how", range(4), ids=["fault", "division", "assert", "trap"])
def test_the_finding_is_that_of_the_first_block(kernels, start, how):
    with pytest.raises(OutOfBounds if how == 0 else KernelTrap) as raised:
        run(kernels, "fail", (60,), (32,), np.int32(start), np.int32(how), np.int32(0), np.zeros(4, np.int32))
    finding = raised.value.finding
    assert (finding.access.block, finding.access.thread) == ((start, 0, 0), (5, 0, 0))
    test_every_block_runs_once(kernels)  # the process lives, and so does the module


def test_an_endless_launch_ends_with_a_signal(kernels):
    def handler(number, frame):
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, handler)
    rng = np.random.default_rng(0)
    run(kernels, "endless", (2,), (1,), np.int32(2))  # built before the first alarm
    try:
        for delay in rng.uniform(1e-4, 5e-3, 40):
            with pytest.raises(TimeIsUp):
                run_with_alarm(delay, kernels, "endless", (60,), (32,), np.int32(rng.integers(0, 40)))
    finally:
        signal.signal(signal.SIGALRM, before)
    test_every_block_runs_once(kernels)


def test_every_line_is_printed(kernels, capfd):
    run(kernels, "say", (100,), (32,))
    assert sorted(capfd.readouterr().out.splitlines()) == sorted(f"block {i} of 100" for i in range(100))


PROBLEM = Problem.parse("b2h13w11i6o9k3s2p1g3")


@pytest.mark.parametrize("name", ["im2col", "implicit_gemm", "implicit_gemm_64"])
def test_our_kernels_give_the_same_bits(monkeypatch, name):
    implementation = getattr(convolution, name).on("simulator")
    rng = np.random.default_rng(0)
    x, w, gy = (
        rng.standard_normal(shape).astype(np.float32) for shape in (PROBLEM.x_shape, PROBLEM.w_shape, PROBLEM.y_shape)
    )

    def results():
        return [
            implementation.forward(x, w, PROBLEM),
            implementation.grad_input(gy, w, PROBLEM),
            implementation.grad_weight(gy, x, PROBLEM),
        ]

    with monkeypatch.context() as patch:
        patch.setattr(RawModule, "workers", lambda self, blocks, threads: 1)
        expected = results()
    shared_out = []
    monkeypatch.setattr(RawModule, "workers", lambda self, blocks, threads: shared_out.append(blocks) or 3)
    for _ in range(3):
        for result, right in zip(results(), expected, strict=True):
            assert result.tobytes() == right.tobytes()
    assert max(shared_out) > 1


def test_only_plain_launches_in_order_are_shared_out(kernels, monkeypatch):
    assert kernels.workers(60, 32) == 4
    assert kernels.workers(3, 32) == 3
    assert RawModule(code=SOURCE).workers(60, 32) == 1
    with scheduled(Schedule("random", 1)):
        assert kernels.workers(60, 32) == 1
    with checked():
        assert kernels.workers(60, 32) == 1
    monkeypatch.setattr(module, "SHARED_FROM", 60 * 32 + 1)
    assert kernels.workers(60, 32) == 1


@pytest.mark.parametrize("threads", [0, -1])
def test_a_number_of_threads_that_is_none(threads):
    with pytest.raises(ValueError, match=f"threads = {threads} must be at least 1"):
        RawModule(code=SOURCE, threads=threads)
    with pytest.raises(TypeError, match="threads: 'two' must be a whole number"):
        simulator.RawKernel(SOURCE, "say", threads="two")
