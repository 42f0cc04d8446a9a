"""cooperative_groups: blocks, tiles and coalesced lanes, and reductions over them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refconv_cuda.simulator import RawModule, Schedule, scheduled

SOURCE = r"""
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
namespace cg = cooperative_groups;

__global__ void block(unsigned* y) {
    cg::thread_block group = cg::this_thread_block();
    __shared__ unsigned reversed[1024];
    unsigned rank = group.thread_rank(), n = group.size();
    reversed[n - 1 - rank] = group.thread_index().x + 100 * group.thread_index().y + 10000 * group.thread_index().z;
    group.sync();
    y += 4 * (n * group.group_index().x + rank);
    y[0] = reversed[n - 1 - rank], y[1] = group.num_threads(), y[2] = group.dim_threads().y;
    y[3] = group.group_index().x;
    cg::sync(group);
}

template <unsigned n>
__global__ void tile(const int* x, int* y) {
    auto group = cg::tiled_partition<n>(cg::this_thread_block());
    cg::thread_block_tile<n> any_parent = group;
    int i = threadIdx.x, total = blockDim.x;
    y[i] = group.thread_rank(), y[total + i] = group.size() + any_parent.num_threads();
    y[2 * total + i] = group.meta_group_rank(), y[3 * total + i] = any_parent.meta_group_size();
    y[4 * total + i] = group.shfl(x[i], 1), y[5 * total + i] = group.shfl_up(x[i], 1);
    y[6 * total + i] = group.shfl_down(x[i], 1);
    y[7 * total + i] = group.shfl_xor(x[i], 1), y[8 * total + i] = group.any(x[i] > 50);
    y[9 * total + i] = group.all(x[i] > 50);
    y[10 * total + i] = group.ballot(x[i] > 50), y[11 * total + i] = group.match_any(x[i] % 3);
    int all;
    y[12 * total + i] = group.match_all(x[i] / 200, all), y[13 * total + i] = all;
    group.sync();
    y[14 * total + i] = cg::reduce(group, x[i], cg::plus<int>());
    y[15 * total + i] = cg::reduce(group, x[i], cg::less<int>());
    y[16 * total + i] = cg::reduce(group, x[i], cg::greater<int>());
    y[17 * total + i] = cg::reduce(group, x[i], cg::bit_and<int>());
    y[18 * total + i] = cg::reduce(group, x[i], cg::bit_or<int>());
    y[19 * total + i] = cg::reduce(group, x[i], cg::bit_xor<int>());
    y[20 * total + i] = cg::reduce(group, x[i], [](int a, int b) { return a > b ? a : b; });
}

// The usual ways to add up a block's values.
template <class Group>
__device__ float sum_by_shuffles(const Group& group, float value) {
    for (unsigned half = group.size() / 2; half > 0; half /= 2) value += group.shfl_down(value, half);
    return value;
}
__device__ int sum_by_group(cg::thread_group group, int* line, int value) {
    int lane = group.thread_rank();
    for (int half = group.size() / 2; half > 0; half /= 2) {
        line[lane] = value;
        group.sync();
        if (lane < half) value += line[lane + half];
        group.sync();
    }
    return value;
}
__global__ void sums(const int* x, float* y, int* z) {
    __shared__ float parts[32];
    __shared__ int line[128];
    cg::thread_block block = cg::this_thread_block();
    cg::thread_block_tile<32> warp = cg::tiled_partition<32>(block);
    auto quarter = cg::tiled_partition<8>(warp);
    float sum = sum_by_shuffles(warp, x[block.thread_rank()]);
    if (warp.thread_rank() == 0) parts[warp.meta_group_rank()] = sum;
    block.sync();
    if (warp.meta_group_rank() == 0) {
        float part = warp.thread_rank() < warp.meta_group_size() ? parts[warp.thread_rank()] : 0;
        part = sum_by_shuffles(warp, part);
        if (warp.thread_rank() == 0) y[0] = part;
    }
    if (block.thread_rank() == 0) y[1] = quarter.meta_group_size() + 10 * quarter.meta_group_rank();
    int by_block = sum_by_group(block, line, x[block.thread_rank()]);
    if (block.thread_rank() == 0) z[0] = by_block;
    cg::thread_group tile = cg::tiled_partition(block, 16);
    int by_tile = sum_by_group(tile, line + block.thread_rank() / 16 * 16, x[block.thread_rank()]);
    if (tile.thread_rank() == 0) z[1 + block.thread_rank() / 16] = by_tile;
}

struct Pair { double value; int lane; char more[12]; };
__global__ void structs(const int* x, double* y) {
    auto warp = cg::tiled_partition<16>(cg::this_thread_block());
    Pair mine = {x[threadIdx.x] / 8.0, int(threadIdx.x), "structs"};
    Pair best = cg::reduce(warp, mine, [](Pair a, Pair b) { return b.value > a.value ? b : a; });
    Pair next = warp.shfl(mine, warp.thread_rank() + 1);
    y[2 * threadIdx.x] = best.value + best.lane + (best.more[6] == 's'), y[2 * threadIdx.x + 1] = next.value;
}

__global__ void coalesced(const int* x, int* y, int* count) {
    auto all = cg::coalesced_threads();
    if (x[threadIdx.x] > 0) {
        auto positive = cg::coalesced_threads();
        if (positive.thread_rank() == 0) atomicAdd(count, positive.size());  // one for all that have something to count
    }
    auto even = cg::binary_partition(all, x[threadIdx.x] % 2 == 0);
    if (x[threadIdx.x] % 2 == 0 && even.thread_rank() == 0) atomicAdd(count, 1000 * even.size());
    auto same = cg::labeled_partition(all, x[threadIdx.x]);
    y[threadIdx.x] = cg::reduce(same, 1, cg::plus<int>()) + 100 * same.shfl(int(threadIdx.x), 0);
}
"""
SIZES = (1, 2, 4, 8, 16, 32)
SCHEDULES = st.builds(Schedule.from_seed, st.integers(0, 30))


@pytest.fixture(scope="module")
def kernel(compiler):
    return RawModule(code=SOURCE, name_expressions=[f"tile<{n}>" for n in SIZES]).get_function


def test_a_block(kernel):
    shape, blocks = (5, 3, 2), 2
    y = np.zeros((blocks, 30, 4), np.uint32)
    kernel("block")((blocks,), shape, (y,))
    for b in range(blocks):
        for rank in range(30):
            index = rank % 5 + 100 * (rank // 5 % 3) + 10000 * (rank // 15)
            assert y[b, rank].tolist() == [index, 30, 3, b]


@settings(deadline=None, max_examples=25)
@given(n=st.sampled_from(SIZES), warps=st.integers(1, 2), schedule=SCHEDULES)
def test_tiles(kernel, n, warps, schedule):
    total = 32 * warps
    x = np.random.default_rng(n).integers(0, 300, total).astype(np.int32)
    y = np.zeros((21, total), np.int32)
    with scheduled(schedule):
        kernel(f"tile<{n}>")((1,), (total,), (x, y))
    tiles = x.reshape(-1, n)
    rank = np.arange(n)
    bits = 1 << rank.astype(np.int64)

    def everywhere(per_tile):
        return np.repeat(np.asarray(per_tile), n)

    wanted = [
        np.tile(rank, total // n), np.full(total, 2 * n), np.arange(total) // n, np.full(total, total // n),
        everywhere(tiles[:, 1 % n]), tiles[:, np.maximum(rank - 1, 0)].ravel(),
        tiles[:, np.minimum(rank + 1, n - 1)].ravel(),
        tiles[:, rank ^ 1 if n > 1 else rank].ravel(), everywhere((tiles > 50).any(1)), everywhere((tiles > 50).all(1)),
        everywhere(((tiles > 50) * bits).sum(1)),
        ((tiles[:, :, None] % 3 == tiles[:, None, :] % 3) * bits).sum(2).ravel(),
        everywhere([bits.sum() if len(set(t // 200)) == 1 else 0 for t in tiles]),
        everywhere([len(set(t // 200)) == 1 for t in tiles]),
        everywhere(tiles.sum(1)), everywhere(tiles.min(1)), everywhere(tiles.max(1)),
        everywhere(np.bitwise_and.reduce(tiles, 1)), everywhere(np.bitwise_or.reduce(tiles, 1)),
        everywhere(np.bitwise_xor.reduce(tiles, 1)), everywhere(tiles.max(1)),
    ]  # fmt: skip
    for row, value in enumerate(wanted):
        assert np.array_equal(y[row], np.asarray(value).astype(np.int64).astype(np.int32)), row


@settings(deadline=None, max_examples=15)
@given(schedule=SCHEDULES)
def test_sums_over_a_block(kernel, schedule):
    x, y, z = np.arange(128, dtype=np.int32), np.zeros(2, np.float32), np.zeros(9, np.int32)
    with scheduled(schedule):
        kernel("sums")((1,), (128,), (x, y, z))
    assert y.tolist() == [x.sum(), 4]
    assert z.tolist() == [x.sum(), *x.reshape(8, 16).sum(1)]


def test_values_larger_than_a_word(kernel):
    x, y = np.random.default_rng(1).permutation(64).astype(np.int32), np.zeros((64, 2))
    kernel("structs")((1,), (64,), (x, y))
    tiles = x.reshape(4, 16)
    best = tiles.max(1) / 8 + tiles.argmax(1) + 16 * np.arange(4) + 1
    assert np.array_equal(y[:, 0], np.repeat(best, 16))
    assert np.array_equal(y[:, 1], np.roll(tiles, -1, 1).ravel() / 8)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 99), schedule=SCHEDULES)
def test_coalesced_lanes(kernel, seed, schedule):
    x = np.random.default_rng(seed).integers(-2, 3, 32).astype(np.int32)
    y, count = np.zeros(32, np.int32), np.zeros(1, np.int32)
    with scheduled(schedule):
        kernel("coalesced")((1,), (32,), (x, y, count))
    assert count[0] == (x > 0).sum() + 1000 * (x % 2 == 0).sum()
    assert y.tolist() == [(x == v).sum() + 100 * np.flatnonzero(x == v)[0] for v in x]


def test_the_checker_sees_no_fault_in_the_words(compiler):
    kernel = RawModule(code=SOURCE, name_expressions=["tile<8>"], check=True).get_function
    for seed in range(3):
        with scheduled(Schedule.from_seed(seed)):
            x = np.arange(128, dtype=np.int32)
            kernel("sums")((1,), (128,), (x, np.zeros(2, np.float32), np.zeros(9, np.int32)))
            kernel("tile<8>")((1,), (32,), (x, np.zeros(21 * 32, np.int32)))
            kernel("structs")((1,), (64,), (x, np.zeros(128)))
            kernel("coalesced")((1,), (32,), (x, np.zeros(32, np.int32), np.zeros(1, np.int32)))
