"""cp.async: right pipelines pass under every schedule, and each slip is found, by name, line and thread."""

import functools
import re

import numpy as np
import pytest
from conftest import use_compiler
from hypothesis import given, settings
from hypothesis import strategies as st

from refconv_cuda import device, simulator
from refconv_cuda.simulator import (
    KernelTrap,
    OutOfBounds,
    Race,
    RawModule,
    Schedule,
    UninitialisedRead,
    module,
    scheduled,
)

SOURCE = r"""
#include <cooperative_groups/memcpy_async.h>
#include <cuda_pipeline.h>
#include <cuda_fp16.h>
namespace cg = cooperative_groups;
using namespace refconv::ptx;

enum Slip { kNone, kNoWait, kWaitForOneTooFew, kWaitAfterBarrier, kIssueBeforeBarrier, kOverwriteSource };
constexpr int kTile = 64;  // elements; each of 32 threads copies two

struct Primitives {
    template <int bytes>
    static __device__ __forceinline__ void copy(void* to, const void* from) {
        __pipeline_memcpy_async(to, from, bytes);  // ISSUE
    }
    static __device__ __forceinline__ void commit() { __pipeline_commit(); }
    template <int newest>
    static __device__ __forceinline__ void wait() {
        __pipeline_wait_prior(newest);
    }
};
struct Ptx {
    template <int bytes>
    static __device__ __forceinline__ void copy(void* to, const void* from) {
        unsigned at = __cvta_generic_to_shared(to);
        asm volatile("cp.async.ca.shared.global.L2::128B [%0], [%1], %2;" ::"r"(at), "l"(from), "n"(bytes));  // ASM
    }
    static __device__ __forceinline__ void commit() { asm volatile("cp.async.commit_group;"); }
    template <int newest>
    static __device__ __forceinline__ void wait() {
        asm volatile("cp.async.wait_group %0;" ::"n"(newest) : "memory");
    }
};

// y[i] = the sum over all tiles k of (k + 1) x[k][63 - i], with `stages` buffers.
template <class Calls, class T, int stages>
__device__ void add_up(T (*buffer)[kTile], T* x, T* y, int tiles, int slip) {
    int t = threadIdx.x;
    x += blockIdx.x * tiles * kTile;
    y += blockIdx.x * kTile;
    auto issue = [&](int k) {
        T *to = &buffer[k % stages][2 * t], *from = &x[k * kTile + 2 * t];
        if (k < tiles) Calls::template copy<2 * sizeof(T)>(to, from);
        Calls::commit();  // at the tail an empty group
    };
    for (int k = 0; k < stages - 1; ++k) issue(k);
    T sums[2] = {};
    for (int k = 0; k < tiles; ++k) {
        if (slip == kOverwriteSource && k == 3) x[(k + stages - 2) * kTile + 2 * t] = 0;  // OVERWRITE
        if (slip == kWaitAfterBarrier) __syncthreads();
        if (slip == kWaitForOneTooFew) {
            Calls::template wait<stages - 1>();
        } else if (slip != kNoWait) {
            Calls::template wait<stages - 2>();
        }
        if (slip == kIssueBeforeBarrier) issue(k + stages - 1);
        if (slip != kWaitAfterBarrier) __syncthreads();
        // All have read tile k - 1: its buffer is free.
        if (slip != kIssueBeforeBarrier) issue(k + stages - 1);
        for (int j = 0; j < 2; ++j) sums[j] += (k + 1) * buffer[k % stages][kTile - 1 - (2 * t + j)];  // USE
    }
    for (int j = 0; j < 2; ++j) y[2 * t + j] = sums[j];
}
template <class T, int stages>
__global__ void pipeline(T* x, T* y, int tiles, int slip) {
    __shared__ alignas(16) T buffer[stages][kTile];
    add_up<Primitives, T, stages>(buffer, x, y, tiles, slip);
}
template <class T, int stages>
__global__ void ptx_pipeline(T* x, T* y, int tiles, int slip) {
    __shared__ alignas(16) T buffer[stages][kTile];
    add_up<Ptx, T, stages>(buffer, x, y, tiles, slip);
}
template <int stages>
__global__ void dynamic_pipeline(double* x, double* y, int tiles, int slip) {
    extern __shared__ alignas(16) double dynamic_buffer[][kTile];
    add_up<Primitives, double, stages>(dynamic_buffer, x, y, tiles, slip);
}

// Each thread reads only what it has copied itself: that needs no barrier.
__global__ void own(const float* x, float* y) {
    __shared__ alignas(16) float tile[4 * 64];
    int t = threadIdx.x;
    __pipeline_memcpy_async(&tile[4 * t], &x[4 * t], 16);
    __pipeline_commit();
    __pipeline_wait_prior(0);
    for (int i = 0; i < 4; ++i) y[4 * t + i] = 2 * tile[4 * t + i];
    __pipeline_memcpy_async(&tile[4 * t], &x[4 * t], 16);
    cp_async_wait_all();  // committed or not
    for (int i = 0; i < 4; ++i) y[4 * t + i] += tile[4 * t + i];
}
// Of three groups the first two are waited for, then all; what is in no group is not.
__global__ void groups(const float* x, float* y, int early) {
    __shared__ float tile[4];
    for (int i = 0; i < 3; ++i) {
        cp_async(&tile[i], &x[i], 4, 4);
        cp_async_commit_group();
    }
    cp_async(&tile[3], &x[3], 4, 4);  // in no group yet
    cp_async_wait_group(1);
    y[0] = tile[0], y[1] = tile[1];
    cp_async_wait_group(0);
    y[2] = tile[2];
    if (!early) cp_async_wait_all();
    y[3] = tile[3];  // EARLY
}
// What is there right after the start of a copy, some calls later, and after the wait.
__global__ void moments(const float* x, volatile float* y) {
    __shared__ float tile[1];
    cp_async(&tile[0], &x[0], 4, 4);
    y[0] = tile[0];
    for (int i = 0; i < 10; ++i) cp_async_commit_group();
    y[1] = tile[0];
    cp_async_wait_all();
    y[2] = tile[0];
}
// A block leaves copies behind; the next has the same memory.
__global__ void leaves(const float* x, float* y) {
    __shared__ float tile[32];
    int t = threadIdx.x;
    tile[t] = 2 * x[t];
    y[32 * blockIdx.x + t] = tile[t];
    __pipeline_memcpy_async(&tile[t], &x[t], 4);
    if (t % 2) __pipeline_commit();
}
// More copies under way than the simulator keeps.
__global__ void many(const float* x, float* y, int n) {
    __shared__ float tile[4];
    for (int i = 0; i < n; ++i) __pipeline_memcpy_async(&tile[i % 4], &x[i % 4], 4);
    cp_async_wait_all();
    for (int i = 0; i < 4; ++i) y[i] = tile[i];
}

template <int size>
__global__ void fill(const char* x, char* y, int source, long offset) {
    __shared__ alignas(16) char tile[32];
    cp_async(tile, x + offset, size, source);  // FILL
    cp_async_wait_all();
    for (int i = 0; i < size; ++i) y[i] = tile[i];
}
template <int size>
__global__ void ptx_fill(const char* x, char* y, int source, long offset) {
    __shared__ alignas(16) char tile[32];
    unsigned to = __cvta_generic_to_shared(tile);
    const char* from = x + offset;
    if (size == 16) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(source));
    } else {
        asm volatile("cp.async.ca.shared.global [%0], [%1], %3, %2;" ::"r"(to), "l"(from), "r"(source), "n"(size));
    }
    asm volatile("cp.async.wait_all;" ::: "memory");
    for (int i = 0; i < size; ++i) y[i] = tile[i];
}
template <class T>
__global__ void zfill(const T* x, T* y, int zeros) {
    __shared__ alignas(16) T tile[16 / sizeof(T)];
    __pipeline_memcpy_async(tile, x, 16, zeros);
    __pipeline_commit();
    __pipeline_wait_prior(0);
    for (int i = 0; i < 16 / sizeof(T); ++i) y[i] = tile[i];
}

__device__ alignas(16) float table[64];
enum Place { kShared, kOtherShared, kGlobal, kModule, kLocal };
__global__ void places(float* x, int to, int from, int at, int other) {
    __shared__ alignas(16) float tile[16], more[16];
    float mine[16] = {1, 2, 3};
    float* of[] = {tile, more, x, table, mine};
    more[threadIdx.x] = 1;
    cp_async(of[to] + at, of[from] + other, 8, 8);  // PLACES
    cp_async_wait_all();
    x[at] = mine[at] + more[0];
}
__global__ void sizes(const float* x, int size, int source) {
    __shared__ alignas(16) float tile[16];
    cp_async(tile, x, size, source);  // SIZES
}
__global__ void zeros_beyond(const float* x, int zeros) {
    __shared__ alignas(16) float tile[16];
    __pipeline_memcpy_async(tile, x, 8, zeros);  // ZEROS
}

// Thread 0 copies; what thread `who` does to the source or the destination before that is waited for.
enum Deed { kRead, kWrite, kAtomic, kCopyAgain, kReadSource, kWriteSource, kAtomicSource, kReadPart, kReadHalf };
__global__ void meets(float* x, float* y, int who, int deed, int barrier) {
    __shared__ alignas(16) float tile[16];
    int t = threadIdx.x;
    tile[t] = 1;
    __syncthreads();
    if (t == 0) __pipeline_memcpy_async(&tile[4], &x[4], 16);  // COPY
    if (barrier) __syncthreads();
    if (t == who) {
        if (deed == kRead) y[t] = tile[5];  // MEET 0
        if (deed == kWrite) tile[5] = 3;  // MEET 1
        if (deed == kAtomic) atomicAdd(&tile[5], 1.0f);  // MEET 2
        if (deed == kCopyAgain) __pipeline_memcpy_async(&tile[5], &x[9], 4);  // MEET 3
        if (deed == kReadSource) y[t] = x[5];
        if (deed == kWriteSource) x[5] = 3;  // MEET 5
        if (deed == kAtomicSource) atomicAdd(&x[5], 1.0f);  // MEET 6
        if (deed == kReadPart) y[t] = tile[8] + tile[3];
        if (deed == kReadHalf) y[t] = reinterpret_cast<const __half*>(tile)[11];  // MEET 8
    }
    __syncthreads();
    cp_async_wait_all();
}
// Thread 0 copies before a barrier and waits after it; thread 1 does something, at once or after another barrier.
enum Late { kLateRead, kLateWrite, kLateSource };
__global__ void late(float* x, float* y, int deed, int barrier) {
    __shared__ float tile[32];
    int t = threadIdx.x;
    if (t == 0) __pipeline_memcpy_async(&tile[0], &x[0], 4);  // LATE
    __syncthreads();
    if (t == 0) cp_async_wait_all();
    if (barrier) __syncthreads();
    if (t == 1) {
        if (deed == kLateRead) y[0] = tile[0];  // LATE 0
        if (deed == kLateWrite) tile[0] = 1;  // LATE 1
        if (deed == kLateSource) x[0] = 1;  // LATE 2
    }
}
// What thread 0 has done, thread 1 copies, or copies to.
__global__ void early(float* x, float* y, int deed, int barrier) {
    __shared__ float tile[32];
    int t = threadIdx.x;
    tile[t] = 1;
    __syncthreads();
    if (t == 0) {
        if (deed == kLateRead) y[0] = tile[1];  // EARLY 0
        if (deed == kLateWrite) tile[1] = 3;  // EARLY 1
        if (deed == kLateSource) x[1] = 3;  // EARLY 2
    }
    if (barrier) __syncthreads();
    if (t == 1) __pipeline_memcpy_async(&tile[1], &x[1], 4);  // AFTER
    cp_async_wait_all();
}
// A thread does as it is told; y[i] is what its i-th deed has read.
enum Op { kOpCopy, kOpCommit, kOpWait, kOpWaitAll, kOpRead, kOpStore, kOpStoreSource };
__global__ void program(const int* ops, const int* operands, int n, int* x, int* y) {
    __shared__ int tile[4];
    for (int i = 0; i < 4; ++i) tile[i] = -1 - i;
    for (int i = 0; i < n; ++i) {
        int k = operands[i];
        switch (ops[i]) {
            case kOpCopy: cp_async(&tile[k], &x[k], 4, 4); break;  // OP 0
            case kOpCommit: cp_async_commit_group(); break;
            case kOpWait: cp_async_wait_group(k); break;
            case kOpWaitAll: cp_async_wait_all(); break;
            case kOpRead: y[i] = tile[k]; break;  // OP 4
            case kOpStore: tile[k] = i; break;  // OP 5
            case kOpStoreSource: x[k] = 100 + i; break;  // OP 6
        }
    }
}
// Two threads copy from one place; one of them has waited when a third writes to it.
__global__ void two_copies_of_one(float* x, float* y) {
    __shared__ float tile[32];
    int t = threadIdx.x;
    if (t < 2) __pipeline_memcpy_async(&tile[t], &x[0], 4);  // TWICE
    __syncthreads();
    if (t == 0) cp_async_wait_all();
    __syncthreads();
    if (t == 2) x[0] = 5;  // THIRD
    __syncthreads();
    cp_async_wait_all();
    y[t] = t < 2 ? tile[t] : 0;
}

// A block copies `size` bytes by groups of elements T, from any place to any place.
template <class T>
__global__ void grouped(const T* x, T* y, int size, int to, int from, int waits) {
    __shared__ alignas(16) T tile[512 / sizeof(T)];
    cg::thread_block block = cg::this_thread_block();
    for (int i = threadIdx.x; i < 512 / sizeof(T); i += blockDim.x) tile[i] = -1;
    block.sync();
    cg::memcpy_async(block, tile + to, x + from, size);  // GROUPED
    waits ? cg::wait(block) : block.sync();
    for (int i = threadIdx.x; i < 512 / sizeof(T); i += blockDim.x) y[i] = tile[i];  // UNGROUPED
}
// Each warp has two buffers; counts of elements, of which the smaller counts.
__global__ void by_warps(const float* x, float* y, int n, int prior) {
    __shared__ float buffers[2][2][40];
    auto warp = cg::tiled_partition<32>(cg::this_thread_block());
    float(*mine)[40] = buffers[warp.meta_group_rank()];
    x += warp.meta_group_rank() * n, y += warp.meta_group_rank() * n;
    cg::memcpy_async(warp, mine[0], 40, x, n);
    for (int i = 0; i < n; i += 40) {
        int k = i / 40;
        cg::memcpy_async(warp, mine[(k + 1) % 2], 40, x + i + 40, n - i > 40 ? n - i - 40 : 0);
        prior ? cg::wait_prior<2>(warp) : cg::wait_prior<1>(warp);
        int here = n - i < 40 ? n - i : 40;
        for (int j = warp.thread_rank(); j < here; j += 32) y[i + j] = mine[k % 2][here - 1 - j];  // WARP
        warp.sync();
    }
}
// What does not go from global to shared memory is copied at once.
__global__ void elsewhere(const int* x, int* y) {
    __shared__ int tile[32];
    int mine[2];
    auto one = cg::tiled_partition<1>(cg::this_thread_block());
    cg::memcpy_async(cg::this_thread_block(), y, x, 128);
    cg::wait(cg::this_thread_block());
    cg::memcpy_async(one, mine, y + 2 * threadIdx.x, 8);
    cg::memcpy_async(one, tile + 2 * threadIdx.x, mine, 8);
    cg::wait(one);
    y[2 * threadIdx.x + 1] += tile[2 * threadIdx.x] + 100 * tile[2 * threadIdx.x + 1];
}
"""

TYPES = {"float": np.float32, "double": np.float64}
PIPELINES = (
    *("pipeline<float, 2>", "pipeline<float, 3>", "pipeline<double, 4>", "dynamic_pipeline<3>"),
    *("ptx_pipeline<float, 3>", "ptx_pipeline<double, 2>"),
)
FILLS = [f"{kernel}<{size}>" for kernel in ("fill", "ptx_fill") for size in (4, 8, 16)]
SLIPS = (
    "none",
    "no wait",
    "wait for one too few",
    "wait after the barrier",
    "issue before the barrier",
    "source overwritten",
)
INSTANCES = (*PIPELINES, *FILLS, "zfill<short>", *(f"grouped<{name}>" for name in ("char", "short", "double")))
TILES, TILE, BLOCKS = 7, 64, 3
SCHEDULES = [Schedule.from_seed(seed) for seed in range(24)]


def line(marker):
    """The line of `SOURCE` that a comment marks."""
    [number] = [i for i, text in enumerate(SOURCE.splitlines(), 1) if text.endswith(f"// {marker}")]
    return number


@functools.cache
def built(compiler, check):
    """The module of `SOURCE`, whose blocks may be shared out if it is not checked."""
    with pytest.MonkeyPatch.context() as patch:
        use_compiler(compiler, patch)
        made = RawModule(code=SOURCE, name_expressions=INSTANCES, check=check, threads=1 if check else 2)
        made.build(), check or made.build(shared_out=True)
    return made


@pytest.fixture
def checked(compiler):
    """The kernels by name, with every access checked."""
    return built(compiler, True).get_function


@pytest.fixture
def plain(compiler):
    """The kernels by name, unchecked."""
    return built(compiler, False).get_function


def run(kernel, slip="none", dtype=np.float32, shared=0):
    """Runs a pipeline, which may have a slip; returns what it makes and what it should."""
    x = (np.arange(BLOCKS * TILES * TILE) % 23).astype(dtype).reshape(BLOCKS, TILES, TILE)
    y = np.full((BLOCKS, TILE), -1, dtype)
    expected = (x * np.arange(1, TILES + 1, dtype=dtype)[:, None]).sum(1)[:, ::-1]
    kernel((BLOCKS,), (32,), (x, y, np.int32(TILES), np.int32(SLIPS.index(slip))), shared_mem=shared)
    return y, expected


# -- what is right -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PIPELINES)
def test_a_right_pipeline_passes(plain, checked, name):
    dtype = TYPES["float" if "float" in name else "double"]
    shared = 3 * TILE * 8 if "dynamic" in name else 0
    for kernel in (plain(name), checked(name)):
        for schedule in SCHEDULES:
            with scheduled(schedule):
                y, expected = run(kernel, dtype=dtype, shared=shared)
            assert np.array_equal(y, expected), schedule


def test_a_right_pipeline_on_two_operating_system_threads(plain, monkeypatch):
    monkeypatch.setattr(module, "SHARED_FROM", 1)
    for _ in range(20):
        y, expected = run(plain("pipeline<float, 3>"))
        assert np.array_equal(y, expected)
    y, expected = run(plain("pipeline<float, 3>"), "no wait")
    assert not np.array_equal(y, expected)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_what_a_thread_copies_for_itself_needs_no_barrier(plain, checked, schedule):
    x = np.arange(256, dtype=np.float32)
    for kernel in (plain("own"), checked("own")):
        y = np.zeros_like(x)
        with scheduled(schedule):
            kernel((1,), (64,), (x, y))
        assert np.array_equal(y, 3 * x)


def test_groups_are_waited_for_in_order(plain, checked):
    x = np.arange(1, 5, dtype=np.float32)
    for kernel in (plain("groups"), checked("groups")):
        for schedule in SCHEDULES:
            y = np.zeros(4, np.float32)
            with scheduled(schedule):
                kernel((1,), (1,), (x, y, np.int32(0)))
            assert np.array_equal(y, x)
    with pytest.raises(Race, match="it has not waited for it") as raised:
        checked("groups")((1,), (1,), (x, y, np.int32(1)))
    assert (raised.value.finding.line, raised.value.finding.element) == (line("EARLY"), 3)
    y = np.zeros(4, np.float32)
    plain("groups")((1,), (1,), (x, y, np.int32(1)))
    assert np.isnan(y[3])


def test_what_a_block_leaves_under_way_is_no_matter_for_the_next(plain, checked):
    x = np.arange(32, dtype=np.float32)
    for kernel in (plain("leaves"), checked("leaves")):
        for schedule in SCHEDULES:
            y = np.zeros((4, 32), np.float32)
            with scheduled(schedule):
                kernel((4,), (32,), (x, y))
            assert (y == 2 * x).all()


def test_any_number_of_copies_may_be_under_way(plain):
    x, y = np.arange(4, dtype=np.float32), np.zeros(4, np.float32)
    plain("many")((1,), (1,), (x, y, np.int32(200_000)))
    assert np.array_equal(x, y)


@pytest.mark.parametrize("name", FILLS)
def test_the_rest_becomes_zero(plain, checked, name):
    size = int(re.sub(r"\D", "", name))
    for kernel in (plain(name), checked(name)):
        for source in range(size + 1):
            x = np.arange(1, source + 1, dtype=np.int8)
            for schedule in (Schedule(), Schedule(fence="before"), Schedule("random", 3)):
                y = np.full(size, -1, np.int8)
                with scheduled(schedule):
                    kernel((1,), (1,), (x if source else None, y, np.int32(source), np.int64(0)))
                assert np.array_equal(y, [*x, *[0] * (size - source)])


def test_the_rest_becomes_zero_by_zfill(plain, checked):
    for kernel in (plain("zfill<short>"), checked("zfill<short>")):
        for zeros in range(0, 17, 2):
            x, y = np.arange(1, 9 - zeros // 2, dtype=np.int16), np.full(8, -1, np.int16)
            kernel((1,), (1,), (x, y, np.int32(zeros)))
            assert np.array_equal(y, [*x, *[0] * (zeros // 2)])


@pytest.mark.parametrize("offset", [1000, 1001, -(2**40), 2**40 + 3])
def test_a_source_of_no_bytes_may_lie_anywhere(plain, checked, offset):
    for kernel in (*map(plain, ("fill<16>", "ptx_fill<16>")), *map(checked, ("fill<16>", "ptx_fill<16>"))):
        x, y = np.ones(4, np.int8), np.full(16, -1, np.int8)
        kernel((1,), (1,), (x, y, np.int32(0), np.int64(offset)))
        assert (y == 0).all()


# -- groups of cooperative_groups --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["char", "short", "double"])
def test_a_group_copies_what_it_is_told(plain, checked, name):
    dtype = {"char": np.int8, "short": np.int16, "double": np.float64}[name]
    each, count = np.dtype(dtype).itemsize, 512 // np.dtype(dtype).itemsize
    x, rng = np.arange(count).astype(dtype), np.random.default_rng(0)
    for kernel in (plain(f"grouped<{name}>"), checked(f"grouped<{name}>")):
        for example in range(60):
            size = int(rng.integers(0, [count // 2, 20][example % 2] + 1))
            to, origin = (int(rng.integers(0, min(count - size, 40) + 1)) for _ in range(2))
            y, expected = np.zeros_like(x), np.full_like(x, -1)
            expected[to : to + size] = x[origin : origin + size]
            with scheduled(SCHEDULES[example % len(SCHEDULES)]):
                kernel((1,), (48,), (x, y, *map(np.int32, (size * each, to, origin, 1))))
            assert np.array_equal(y, expected), (size, to, origin)


def test_a_group_that_does_not_wait(checked):
    x = np.zeros(256, np.int16)
    with pytest.raises(Race, match="thread has not waited for it") as raised:
        checked("grouped<short>")((1,), (48,), (x, x.copy(), *map(np.int32, (256, 8, 16, 0))))
    finding = raised.value.finding
    assert (finding.line, finding.other.line) == (line("UNGROUPED"), line("GROUPED"))
    assert finding.kind == "race with an asynchronous copy"


def test_half_an_element_is_not_copied(checked):
    x = np.zeros(64)
    with pytest.raises(KernelTrap, match="a part of an element") as raised:
        checked("grouped<double>")((1,), (48,), (x, x.copy(), *map(np.int32, (12, 0, 0, 1))))
    assert raised.value.finding.line == line("GROUPED")


def test_warps_copy_by_turns(plain, checked):
    x = np.arange(200, dtype=np.float32).reshape(2, 100)
    expected = np.concatenate([x[:, 39::-1], x[:, 79:39:-1], x[:, :79:-1]], axis=1)
    for kernel in (plain("by_warps"), checked("by_warps")):
        for schedule in SCHEDULES:
            y = np.zeros_like(x)
            with scheduled(schedule):
                kernel((1,), (64,), (x, y, np.int32(100), np.int32(0)))
            assert np.array_equal(y, expected), schedule
    with pytest.raises(Race, match="has not waited for it") as raised:
        checked("by_warps")((1,), (64,), (x, y, np.int32(100), np.int32(1)))
    assert raised.value.finding.line == line("WARP")


def test_a_group_copies_elsewhere_at_once(plain, checked):
    x = np.arange(32, dtype=np.int32)
    for kernel in (plain("elsewhere"), checked("elsewhere")):
        for schedule in SCHEDULES:
            y = np.zeros_like(x)
            with scheduled(schedule):
                kernel((1,), (16,), (x, y))
            assert np.array_equal(y[::2], x[::2])
            assert np.array_equal(y[1::2], x[1::2] + x[::2] + 100 * x[1::2])


# -- a pipeline's slips ------------------------------------------------------------------------------------------

# What each is found as, in order: the line of the access, the words at the end, and those of the accesses.
FOUND = {
    "no wait": ("USE", "that thread has not waited for it", "reads", "writes"),
    "wait for one too few": ("USE", "that thread has not waited for it", "reads", "writes"),
    "wait after the barrier": ("USE", "that thread has not waited for it", "reads", "writes"),
    "issue before the barrier": ("USE", "nothing orders the two", "reads", "writes"),
    "source overwritten": ("OVERWRITE", "it has not waited for it", "writes", "reads"),
}


@pytest.mark.parametrize("name", ["pipeline<float, 2>", "pipeline<float, 3>", "ptx_pipeline<float, 3>"])
@pytest.mark.parametrize("slip", FOUND)
def test_a_slip_is_found(checked, slip, name):
    here, words, verb, other_verb = FOUND[slip]
    issue = line("ASM" if "ptx" in name else "ISSUE")
    with pytest.raises(Race) as raised:
        run(checked(name), slip)
    finding, message = raised.value.finding, str(raised.value)
    assert (finding.kind, raised.value.tool) == ("race with an asynchronous copy", "racecheck")
    assert (finding.line, finding.other.line) == (line(here), issue), message
    assert (finding.access.verb, finding.other.verb) == (verb, other_verb)
    assert finding.array == ("x" if slip == "source overwritten" else "buffer")
    assert finding.access.block == finding.other.block
    who = "its own cp.async" if slip == "source overwritten" else f"a cp.async of thread {finding.other.thread}"
    assert re.search(
        rf"{verb} element \d+ of .*, {'from' if who[0] == 'i' else 'to'} which {re.escape(who)} in ", message
    )
    assert f"<code>:{issue} may still be copying" in message
    assert message.split(" [")[0].endswith(words)


@pytest.mark.parametrize("slip", FOUND)
def test_a_slip_is_found_under_any_schedule(checked, slip):
    for schedule in SCHEDULES:
        with scheduled(schedule), pytest.raises(Race) as raised:
            run(checked("pipeline<float, 3>"), slip)
        # Depending on who comes first, it is an ordinary race with a copy that is waited for, or about to start.
        assert {raised.value.finding.line, raised.value.finding.other.line} & {line("USE"), line("OVERWRITE")}
        assert line("ISSUE") in (raised.value.finding.line, raised.value.finding.other.line)


@pytest.mark.parametrize("slip", ["no wait", "wait for one too few", "wait after the barrier"])
def test_a_slip_shows_in_a_plain_run(plain, slip):
    # In order a copy happens as late as it may; without a wait, never.
    y, expected = run(plain("pipeline<float, 3>"), slip)
    assert np.isnan(y).any()
    assert not np.array_equal(y, expected)


def test_a_slip_shows_in_a_plain_run_by_the_seed(plain):
    # A copy that starts too early does harm only where it happens before the wait.
    right = []
    for seed in range(20):
        with scheduled(Schedule("random", seed)):
            right.append(np.array_equal(*run(plain("pipeline<float, 3>"), "issue before the barrier")))
    assert not all(right)


@pytest.mark.parametrize("order", ["in order", "reversed", "warps", "random", "preemptive"])
def test_when_a_copy_happens_is_drawn(plain, order):
    def garbage(seed):
        y = np.zeros(3, np.float32)
        with scheduled(Schedule(order, seed)):
            plain("moments")((1,), (1,), (np.ones(1, np.float32), y))
        return tuple(np.isnan(y))

    seen = [garbage(seed) for seed in range(30)]
    assert seen == [garbage(seed) for seed in range(30)]
    at_the_wait = (True, True, False)
    drawn = {at_the_wait, (True, False, False), (False, False, False)}
    assert set(seen) == ({at_the_wait} if order in ("in order", "reversed") else drawn)


# -- who meets a copy --------------------------------------------------------------------------------------------

DEEDS = {
    "read": (0, "reads", "tile", 5),
    "write": (1, "writes", "tile", 5),
    "atomic": (2, "atomically updates", "tile", 5),
    "second copy": (3, "writes", "tile", 5),
    "write to the source": (5, "writes", "x", 5),
    "atomic on the source": (6, "atomically updates", "x", 5),
    "read of a half": (8, "reads", "tile", 11),
}


def meet(kernel, who, deed, barrier):
    x, y = np.arange(16, dtype=np.float32), np.zeros(16, np.float32)
    kernel((1,), (16,), (x, y, np.int32(who), np.int32(deed), np.int32(barrier)))


@pytest.mark.parametrize("deed", DEEDS)
def test_an_access_before_the_wait_is_found(checked, deed):
    number, verb, array, element = DEEDS[deed]
    for who, barrier in ((0, False), (0, True), (7, True), (7, False)):
        with pytest.raises(Race, match=f"{verb} element {element} of ") as raised:
            meet(checked("meets"), who, number, barrier)
        finding, message = raised.value.finding, str(raised.value)
        assert (finding.kind, finding.array) == ("race with an asynchronous copy", array), message
        assert (finding.element, finding.line) == (element, line(f"MEET {number}"))
        assert (finding.access.thread, finding.other.thread) == ((who, 0, 0), (0, 0, 0))
        assert finding.other.line == line("COPY")
        end = {(0, True): "it has not", (0, False): "it has not", (7, True): "that thread has not"}
        assert end.get((who, barrier), "nothing orders the two") in message


def test_an_access_beside_a_copy_is_right(checked):
    for who in (0, 7):
        for barrier in (0, 1):
            meet(checked("meets"), who, 4, barrier)  # a read of the source
    for barrier in (0, 1):
        meet(checked("meets"), 0, 3 + 20, barrier)  # nothing at all
    meet(checked("meets"), 7, 7, 1)  # the elements beside the destination


@pytest.mark.parametrize("deed", [0, 1, 2])
def test_after_the_wait_it_is_an_access_of_its_thread(checked, deed):
    space, verb = ("global", "read") if deed == 2 else ("shared", "written")

    def launch(barrier):
        x, y = np.zeros(32, np.float32), np.zeros(32, np.float32)
        checked("late")((1,), (32,), (x, y, np.int32(deed), np.int32(barrier)))

    with pytest.raises(Race, match=f"which thread .0, 0, 0. has {verb} in .*; nothing orders the two") as raised:
        launch(0)
    finding = raised.value.finding
    assert (finding.kind, finding.line) == (f"race in {space} memory", line(f"LATE {deed}"))
    assert (finding.other.thread, finding.other.line) == ((0, 0, 0), line("LATE"))
    with scheduled(Schedule("reversed")), pytest.raises(Race, match="that thread has not waited for it"):
        launch(0)
    for schedule in SCHEDULES:
        with scheduled(schedule):
            launch(1)


@pytest.mark.parametrize("deed", [0, 1, 2])
def test_what_nothing_orders_before_a_copy(checked, deed):
    verb, other, array = [("writes", "read", "tile"), ("writes", "written", "tile"), ("reads", "written", "x")][deed]
    said = f"{verb} element 1 of .* which thread .0, 0, 0. has {other} in .*; nothing orders the two"

    def launch(barrier):
        x, y = np.zeros(32, np.float32), np.zeros(32, np.float32)
        checked("early")((1,), (32,), (x, y, np.int32(deed), np.int32(barrier)))

    with pytest.raises(Race, match=said) as raised:
        launch(0)
    finding = raised.value.finding
    assert (finding.array, finding.line, finding.other.line) == (array, line("AFTER"), line(f"EARLY {deed}"))
    for schedule in SCHEDULES:
        with scheduled(schedule):
            launch(1)


def test_each_of_two_copies_of_one_source_counts(checked):
    x, y = np.ones(1, np.float32), np.zeros(32, np.float32)
    with pytest.raises(Race, match="from which a cp") as raised:
        checked("two_copies_of_one")((1,), (32,), (x, y))
    finding = raised.value.finding
    assert (finding.line, finding.other.line) == (line("THIRD"), line("TWICE"))
    assert (finding.access.thread, finding.other.thread) == ((2, 0, 0), (1, 0, 0))


# -- any program of one thread -----------------------------------------------------------------------------------

COPY, COMMIT, WAIT, WAIT_ALL, READ, STORE, STORE_SOURCE = range(7)


def expected(program):
    """What each deed reads, by deed; and the number of the first that meets a copy, or None."""
    source, tile = [10, 11, 12, 13], [-1, -2, -3, -4]
    groups: list[list[int]] = [[]]  # of places; the last is open
    read = {}
    for i, (op, k) in enumerate(program):
        if any(k in group for group in groups) and op in (COPY, READ, STORE, STORE_SOURCE):
            return read, i
        if op == COPY:
            groups[-1].append(k)
        elif op == STORE:
            tile[k] = i
        elif op == STORE_SOURCE:
            source[k] = 100 + i
        elif op == READ:
            read[i] = tile[k]
        elif op == COMMIT:
            groups.append([])
        else:
            most = k + 1 if op == WAIT else 0  # the open group, which is not committed, stays
            for place in [place for group in groups[: len(groups) - most] for place in group]:
                tile[place] = source[place]
            groups = groups[len(groups) - most :] if len(groups) > most else groups
            groups = groups or [[]]
    return read, None


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.tuples(st.sampled_from([COPY, COPY, *range(7)]), st.integers(0, 3)), min_size=1, max_size=25),
    st.integers(0, 30),
)
def test_any_program_of_one_thread(compiler, program, seed):
    read, first = expected(program)
    ops, operands = np.array(program, np.int32).T.copy()
    x, y = np.arange(10, 14, dtype=np.int32), np.full(len(program), -9, np.int32)
    arguments = (ops, operands, np.int32(len(program)), x, y)
    with scheduled(Schedule.from_seed(seed)):
        if first is None:
            for check in (False, True):
                x[:], y[:] = range(10, 14), -9
                built(compiler, check).get_function("program")((1,), (1,), arguments)
                assert {i: y[i] for i, (op, _) in enumerate(program) if op == READ} == read
        else:
            with pytest.raises(Race) as raised:
                built(compiler, True).get_function("program")((1,), (1,), arguments)
            finding, (op, k) = raised.value.finding, program[first]
            assert (finding.kind, finding.line) == ("race with an asynchronous copy", line(f"OP {op}"))
            assert (finding.array, finding.element) == ("x" if op == STORE_SOURCE else "tile", k)


# -- copies that there cannot be ---------------------------------------------------------------------------------


def test_a_source_out_of_bounds_by_one_element(plain, checked):
    x, y = np.ones(20, np.int8), np.zeros(16, np.int8)
    with scheduled(Schedule(fence="before")):
        device = simulator.copy(x)
    for kernel, array in ((checked("fill<16>"), x), (checked("fill<16>"), device)):
        kernel((1,), (1,), (array, y, np.int32(4), np.int64(16)))
        with pytest.raises(OutOfBounds, match="out-of-bounds read") as raised:
            kernel((1,), (1,), (array, y, np.int32(5), np.int64(16)))
        finding = raised.value.finding
        assert (finding.array, finding.element, finding.line) == ("x", 20, line("FILL"))
    # And a page that is not there without the checker, too, and though nobody waits for the copy.
    with pytest.raises(OutOfBounds, match="reads element 4096 of"):
        plain("fill<16>")((1,), (1,), (simulator.copy(np.ones(4096, np.int8)), y, np.int32(16), np.int64(4096)))
    with pytest.raises(OutOfBounds, match="reads through a null pointer"):
        plain("sizes")((1,), (1,), (None, np.int32(16), np.int32(16)))


def test_an_uninitialised_source(checked):
    x = simulator.empty(16, np.int8)
    with pytest.raises(UninitialisedRead) as raised:
        checked("fill<16>")((1,), (1,), (x, np.zeros(16, np.int8), np.int32(16), np.int64(0)))
    assert (raised.value.finding.array, raised.value.finding.line) == ("x", line("FILL"))


SHARED, OTHER_SHARED, GLOBAL, MODULE, LOCAL = range(5)


@pytest.mark.parametrize(
    ("to", "origin", "at", "other", "kind", "words"),
    [
        (GLOBAL, GLOBAL, 0, 2, "asynchronous copy of the wrong memory", r"copies to element 0 of 'float\* x'"),
        (MODULE, GLOBAL, 2, 2, "asynchronous copy of the wrong memory", "copies to .*global"),
        (LOCAL, GLOBAL, 2, 2, "asynchronous copy of the wrong memory", "copies to "),
        (SHARED, OTHER_SHARED, 2, 4, "asynchronous copy of the wrong memory", "copies from .*shared"),
        (SHARED, LOCAL, 2, 0, "asynchronous copy of the wrong memory", "copies from "),
        (SHARED, GLOBAL, 1, 0, "misaligned access", "8 bytes at an address that is no multiple of 8"),
        (SHARED, GLOBAL, 0, 3, "misaligned access", "8 bytes at an address that is no multiple of 8: element 3 of"),
        (SHARED, MODULE, 0, 1, "misaligned access", "8 bytes at an address that is no multiple of 8"),
    ],
)
def test_the_wrong_places(plain, checked, to, origin, at, other, kind, words):
    for kernel in (plain("places"), checked("places")):
        arguments = (np.zeros(16, np.float32), *(np.int32(value) for value in (to, origin, at, other)))
        with pytest.raises(OutOfBounds, match=f"{kind} in places: thread .*{words}") as raised:
            kernel((1,), (1,), arguments)
        assert (raised.value.kind, raised.value.finding.line) == (kind, line("PLACES"))
        verb = "accesses" if kind[0] == "m" else "writes" if to != SHARED else "reads"
        assert raised.value.finding.access.verb == verb


def test_the_right_places(plain, checked):
    for kernel in (plain("places"), checked("places")):
        for origin in (GLOBAL, MODULE):
            kernel((1,), (1,), (np.zeros(16, np.float32), *map(np.int32, (SHARED, origin, 2, 4))))


@pytest.mark.parametrize(
    ("size", "source", "words"),
    [
        (0, 0, "other than 4, 8 or 16 bytes"),
        (12, 4, "other than 4, 8 or 16 bytes"),
        (32, 16, "other than 4, 8 or 16 bytes"),
        (8, 9, "reads more bytes than it writes"),
        (8, -1, "reads more bytes than it writes"),
    ],
)
def test_impossible_sizes(plain, checked, size, source, words):
    for kernel in (plain("sizes"), checked("sizes")):
        with pytest.raises(KernelTrap, match=words) as raised:
            kernel((1,), (1,), (np.zeros(16, np.float32), np.int32(size), np.int32(source)))
        assert raised.value.finding.line == line("SIZES")


def test_more_zeros_than_bytes(plain):
    with pytest.raises(KernelTrap, match="more zfill than it copies") as raised:
        plain("zeros_beyond")((1,), (1,), (np.zeros(16, np.float32), np.int32(9)))
    assert raised.value.finding.line == line("ZEROS")


def test_the_line_is_the_kernels_wherever_it_is_compiled(compiler, monkeypatch):
    # clang shortens names by what they have in common with the folder that it runs in.
    monkeypatch.chdir(device.KERNELS)
    monkeypatch.delenv("REFCONV_CXX", raising=False) if compiler == "ziglang" else monkeypatch.setenv(
        "REFCONV_CXX", compiler
    )
    code = """#include <cuda_pipeline.h>
    extern "C" __global__ void by_one(const float* x) {
        __shared__ float in_kernels[2];
        __pipeline_memcpy_async(&in_kernels[1], &x[4], 4);
    }"""
    with pytest.raises(OutOfBounds) as raised:
        RawModule(code=code, check=True).get_function("by_one")((1,), (1,), (np.zeros(4, np.float32),))
    assert (raised.value.finding.file, raised.value.finding.line) == ("<code>", 4)
