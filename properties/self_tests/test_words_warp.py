"""What the lanes of a warp tell each other: shuffles, votes, matches, reductions, against NumPy, under any schedule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refconv_cuda.simulator import CompileError, KernelError, KernelTrap, RawKernel, RawModule, Schedule, scheduled

FULL = 0xFFFFFFFF
LANES = np.arange(32)

SOURCE = r"""
#include <cuda_fp16.h>
#include <cuda_bf16.h>

__global__ void shuffles(const int* x, int* y, int argument, int width) {
    int i = threadIdx.x, n = blockDim.x;
    y[i] = __shfl_sync(0xffffffff, x[i], argument, width);
    y[n + i] = __shfl_up_sync(0xffffffff, x[i], argument, width);
    y[2 * n + i] = __shfl_down_sync(0xffffffff, x[i], argument, width);
    y[3 * n + i] = __shfl_xor_sync(0xffffffff, x[i], argument, width);
}

template <class T>
__global__ void shuffle_type(const T* x, T* y) {
    int i = threadIdx.x;
    T value = x[i];
    y[i] = __shfl_xor_sync(0xffffffff, value, 1);
    y[32 + i] = __shfl_sync(0xffffffff, value, i + 3);
    y[64 + i] = __shfl_up_sync(0xffffffff, value, 2, 8);
    y[96 + i] = __shfl_down_sync(0xffffffff, value, 2, 8);
}
__global__ void small_types(const int* x, int* y) {
    int i = threadIdx.x;
    short s = x[i];
    static_assert(sizeof(__shfl_sync(0xffffffff, s, 0)) == 4, "small integers become int");
    y[i] = __shfl_xor_sync(0xffffffff, s, 1) + __shfl_xor_sync(0xffffffff, x[i] > 3, 1);
}

__global__ void votes(const int* x, unsigned* y, unsigned mask) {
    int i = threadIdx.x, n = blockDim.x;
    if (!(mask >> (i % 32) & 1)) return;
    y[i] = __ballot_sync(mask, x[i]);
    y[n + i] = __any_sync(mask, x[i]);
    y[2 * n + i] = __all_sync(mask, x[i]);
    y[3 * n + i] = __uni_sync(mask, x[i]);
}

template <class T>
__global__ void matches(const T* x, unsigned* y) {
    int i = threadIdx.x, all = 7;
    y[i] = __match_any_sync(0xffffffff, x[i]);
    y[32 + i] = __match_all_sync(0xffffffff, x[i], &all);
    y[64 + i] = all;
    y[96 + i] = __match_all_sync(0xffffffff, T(3), &all);
}

__global__ void reductions(const int* x, unsigned* y, unsigned mask) {
    int i = threadIdx.x;
    if (!(mask >> i & 1)) return;
    unsigned u = x[i];
    y[i] = __reduce_add_sync(mask, x[i]), y[32 + i] = __reduce_add_sync(mask, u);
    y[64 + i] = __reduce_min_sync(mask, x[i]), y[96 + i] = __reduce_min_sync(mask, u);
    y[128 + i] = __reduce_max_sync(mask, x[i]), y[160 + i] = __reduce_max_sync(mask, u);
    y[192 + i] = __reduce_and_sync(mask, u), y[224 + i] = __reduce_or_sync(mask, u);
    y[256 + i] = __reduce_xor_sync(mask, u);
}

// Each half of a warp shuffles for itself, in different branches.
__global__ void branches(const int* x, int* y) {
    int i = threadIdx.x;
    if (i % 32 < 16) {
        int sum = x[i];
        for (int half = 8; half > 0; half /= 2) sum += __shfl_down_sync(0x0000ffff, sum, half);
        if (i % 32 == 0) y[i / 32 * 2] = sum;
    } else {
        int sum = x[i];
        for (int half = 8; half > 0; half /= 2) sum += __shfl_xor_sync(0xffff0000, sum, half);
        if (i % 32 == 31) y[i / 32 * 2 + 1] = sum;
    }
}

__global__ void active(unsigned* y) {
    int i = threadIdx.x;
    if (i % 4 == 3) return;
    y[i] = __activemask();
}

__global__ void exchange_in_shared(const int* x, int* y) {
    __shared__ int line[64];
    int i = threadIdx.x;
    line[i] = x[i];
    __syncwarp();
    int other = line[i ^ 1];
    __syncwarp();
    line[i] = other + 1;
    __syncwarp();
    y[i] = line[i ^ 2];
}

__global__ void counts(const int* x, int* y) {
    int i = threadIdx.x, n = blockDim.x;
    y[i] = __syncthreads_count(x[i] > 0);
    y[n + i] = __syncthreads_and(x[i] > 0);
    y[2 * n + i] = __syncthreads_or(x[i] > 5);
}

__global__ void faults(int how, int* y) {
    int i = threadIdx.x;
    if (how == 1) y[i] = __shfl_sync(0xffffffff, i, 0, 5);
    if (how == 2 && i < 16) y[i] = __shfl_sync(0x0000ffff, i, 20);  // LINE 2
    if (how == 3) y[i] = __shfl_sync(0x0000ffff, i, 0);
    if (how == 4 && i < 31) y[i] = __shfl_sync(0xffffffff, i, 0);
    if (how == 5) y[i] = i < 16 ? __any_sync(0xffffffff, i) : __all_sync(0xffffffff, i);
}
"""
TYPES = {
    "int": "int32", "unsigned": "uint32", "long": "int64", "unsigned long": "uint64", "long long": "int64",
    "unsigned long long": "uint64", "float": "float32", "double": "float64", "__half": "float16",
    "__nv_bfloat16": "uint16", "__half2": "uint32", "__nv_bfloat162": "uint32",
}  # fmt: skip
MATCHED = ("int", "unsigned", "long", "unsigned long", "long long", "unsigned long long", "float", "double")
SCHEDULES = st.builds(Schedule.from_seed, st.integers(0, 30))


@pytest.fixture(scope="module")
def kernel(compiler):
    instances = [f"shuffle_type<{name}>" for name in TYPES] + [f"matches<{name}>" for name in MATCHED]
    return RawModule(code=SOURCE, name_expressions=instances).get_function


def source_lanes(how, argument, width):
    """Which lane each lane reads from: the PTX manual, under shfl.sync."""
    first, last = LANES & -width, (LANES & -width) + width - 1
    distance = argument % 32
    if how == "idx":
        return first | (argument & (width - 1))
    if how == "up":
        return np.where(LANES - distance >= first, LANES - distance, LANES)
    if how == "down":
        return np.where(LANES + distance <= last, LANES + distance, LANES)
    return np.where((LANES ^ distance) <= last, LANES ^ distance, LANES)


@settings(deadline=None, max_examples=60)
@given(
    argument=st.integers(0, 40) | st.just(-1),
    width=st.sampled_from([1, 2, 4, 8, 16, 32]),
    warps=st.integers(1, 3),
    schedule=SCHEDULES,
)
def test_shuffles(kernel, argument, width, warps, schedule):
    x = np.random.default_rng(1).integers(-99, 99, 32 * warps, dtype=np.int32)
    y = np.zeros((4, x.size), np.int32)
    with scheduled(schedule):
        kernel("shuffles")((1,), (x.size,), (x, y, np.int32(argument), np.int32(width)))
    for row, how in enumerate(("idx", "up", "down", "xor")):
        wanted = x.reshape(warps, 32)[:, source_lanes(how, argument, width)]
        assert np.array_equal(y[row], wanted.ravel()), how


@pytest.mark.parametrize("name", TYPES)
def test_shuffled_types(kernel, name):
    bits = np.random.default_rng(2).integers(0, 2**62, 32)
    x = (bits % 2000 if name == "__half" else bits).astype(TYPES[name])
    y = np.zeros((4, 32), TYPES[name])
    kernel(f"shuffle_type<{name}>")((1,), (32,), (x, y))
    rows = [LANES ^ 1, (LANES + 3) % 32, source_lanes("up", 2, 8), source_lanes("down", 2, 8)]
    for row, lanes in enumerate(rows):
        assert y[row].tobytes() == x[lanes].tobytes()


def test_small_types_become_int(kernel):
    x, y = np.arange(-16, 16, dtype=np.int32), np.zeros(32, np.int32)
    kernel("small_types")((1,), (32,), (x, y))
    assert np.array_equal(y, x[LANES ^ 1] + (x[LANES ^ 1] > 3))


@settings(deadline=None, max_examples=40)
@given(
    mask=st.integers(1, FULL) | st.just(FULL),
    bits=st.integers(0, FULL) | st.sampled_from([0, FULL]),
    schedule=SCHEDULES,
)
def test_votes(kernel, mask, bits, schedule):
    x = (bits >> LANES & 1).astype(np.int32) * 6
    y = np.zeros((4, 32), np.uint32)
    with scheduled(schedule):
        kernel("votes")((1,), (32,), (x, y, np.uint32(mask)))
    voters = (mask >> LANES & 1).astype(bool)
    in_favour = bits & mask
    wanted = [in_favour, in_favour != 0, in_favour == mask, in_favour in (0, mask)]
    for row, value in enumerate(wanted):
        assert (y[row][voters] == value).all(), row
        assert (y[row][~voters] == 0).all()


def test_a_warp_that_the_block_does_not_fill(kernel):
    # All 32 lanes are asked for, and those that there are answer.
    x = np.ones(40, np.int32)
    y = np.zeros((4, 40), np.uint32)
    kernel("votes")((1,), (40,), (x, y, np.uint32(FULL)))
    assert (y[0, :32] == FULL).all()
    assert (y[0, 32:] == 0xFF).all()
    assert (y[1:] == 1).all()


@pytest.mark.parametrize("name", MATCHED)
def test_matches(kernel, name):
    x = np.random.default_rng(3).integers(0, 4, 32).astype(TYPES[name])
    y = np.zeros((4, 32), np.uint32)
    kernel(f"matches<{name}>")((1,), (32,), (x, y))
    equal = [sum(1 << j for j in range(32) if x[j] == x[i]) for i in range(32)]
    assert y[0].tolist() == equal
    assert (y[1] == 0).all()
    assert (y[2] == 0).all()
    assert (y[3] == FULL).all()


def test_zeros_of_either_sign_do_not_match(kernel):
    x = np.where(LANES % 2, -0.0, 0.0).astype(np.float32)
    y = np.zeros((4, 32), np.uint32)
    kernel("matches<float>")((1,), (32,), (x, y))
    assert y[0].tolist() == [0x55555555, 0xAAAAAAAA] * 16


@settings(deadline=None, max_examples=25)
@given(mask=st.integers(1, FULL), seed=st.integers(0, 99), schedule=SCHEDULES)
def test_reductions(kernel, mask, seed, schedule):
    x = np.random.default_rng(seed).integers(-(2**31), 2**31, 32).astype(np.int32)
    y = np.zeros((9, 32), np.uint32)
    with scheduled(schedule):
        kernel("reductions")((1,), (32,), (x, y, np.uint32(mask)))
    lanes = (mask >> LANES & 1).astype(bool)
    mine, unsigned = x[lanes].astype(np.int64), x.view(np.uint32)[lanes].astype(np.int64)
    bits = [np.bitwise_and.reduce(unsigned), np.bitwise_or.reduce(unsigned), np.bitwise_xor.reduce(unsigned)]
    wanted = [mine.sum(), unsigned.sum(), mine.min(), unsigned.min(), mine.max(), unsigned.max(), *bits]
    for row, value in enumerate(wanted):
        assert (y[row][lanes] == int(value) & FULL).all(), row


@settings(deadline=None, max_examples=20)
@given(schedule=SCHEDULES)
def test_halves_of_a_warp_in_different_branches(kernel, schedule):
    # That lane 8 reads from lane 16, which takes no part, is nobody's concern: nobody uses what it gets.
    x, y = np.arange(64, dtype=np.int32) ** 2, np.zeros(4, np.int32)
    with scheduled(schedule):
        kernel("branches")((1,), (64,), (x, y))
    assert y.tolist() == x.reshape(4, 16).sum(1).tolist()


@settings(deadline=None, max_examples=20)
@given(schedule=SCHEDULES)
def test_syncwarp_orders_shared_memory(kernel, schedule):
    x, y = np.arange(64, dtype=np.int32), np.zeros(64, np.int32)
    with scheduled(schedule):
        kernel("exchange_in_shared")((1,), (64,), (x, y))
    assert np.array_equal(y, x[np.arange(64) ^ 3] + 1)


def test_active_lanes(kernel):
    y = np.zeros(32, np.uint32)
    kernel("active")((1,), (32,), (y,))
    assert y.tolist() == [0x77777777, 0x77777777, 0x77777777, 0] * 8


@settings(deadline=None, max_examples=20)
@given(schedule=SCHEDULES, n=st.integers(1, 70), seed=st.integers(0, 9))
def test_barriers_that_count(kernel, schedule, n, seed):
    x = np.random.default_rng(seed).integers(-2, 8, n).astype(np.int32)
    y = np.zeros((3, n), np.int32)
    with scheduled(schedule):
        kernel("counts")((1,), (n,), (x, y))
    assert (y[0] == (x > 0).sum()).all()
    assert (y[1] == (x > 0).all()).all()
    assert (y[2] == (x > 5).any()).all()


def test_faults(kernel):
    y = np.zeros(32, np.int32)
    line = next(i for i, text in enumerate(SOURCE.splitlines(), start=1) if "LINE 2" in text)
    for how, kind, said in [
        (1, KernelTrap, "width"),
        (2, KernelError, rf":{line}\b"),
        (3, KernelError, "mask"),
        (4, KernelError, "left"),
        (5, KernelError, "wait"),
    ]:
        with pytest.raises(kind, match=said):
            kernel("faults")((1,), (32,), (np.int32(how), y))


def test_what_cannot_be_shuffled(compiler):
    with pytest.raises(CompileError, match="CUDA has no shuffle for this type"):
        RawKernel("__global__ void f(int* y) { y = __shfl_sync(~0u, y, 0); }", "f")(
            (1,), (32,), (np.zeros(1, np.int32),)
        )


def test_the_checker_sees_no_fault_in_the_words(compiler):
    instances = ("shuffle_type<__half2>", "matches<double>")
    kernel = RawModule(code=SOURCE, name_expressions=instances, check=True).get_function
    x, y = np.arange(64, dtype=np.int32), np.zeros(256, np.int32)
    for seed in range(3):
        with scheduled(Schedule.from_seed(seed)):
            kernel("shuffles")((1,), (64,), (x, y, np.int32(3), np.int32(8)))
            kernel("branches")((1,), (64,), (x, y))
            kernel("exchange_in_shared")((1,), (64,), (x, y))
            kernel("counts")((1,), (64,), (x, y))
            kernel("reductions")((1,), (32,), (x, np.zeros(288, np.uint32), np.uint32(0xF0F0)))
            kernel("votes")((1,), (32,), (x, y.view(np.uint32), np.uint32(FULL)))
            kernel("shuffle_type<__half2>")((1,), (32,), (x.view(np.uint32), y.view(np.uint32)))
            kernel("matches<double>")((1,), (32,), (x.astype(float), y.view(np.uint32)))
