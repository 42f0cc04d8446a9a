// A matrix product C = A B by tiles: what the three implicit-GEMM kernels share.
//
// A block computes one kM x kN tile of C in slices of kK along the sum. It stages the slices of A and B in shared
// memory, and each thread adds a kRowsEach x kColumnsEach patch of products in registers.
//
// Napkin, for 64x64x16 with 4x4 patches: a slice moves 2 * 64 * 16 elements into shared memory for 64 * 64 * 16
// multiply-adds, so a global element is used 32 times; a patch reads 8 elements from shared memory for 16
// multiply-adds. A thread's rows and columns lie kThreadRows and kThreadColumns apart, so that neighbouring threads
// read neighbouring elements of B (no bank conflicts) and write neighbouring elements of C (coalesced).
#pragma once

#include "precision.cuh"

template <typename Real, int kM, int kN, int kK, int kRowsEach, int kColumnsEach>
struct Tile {
    static constexpr int kThreadRows = kM / kRowsEach;
    static constexpr int kThreadColumns = kN / kColumnsEach;
    static constexpr int kThreads = kThreadRows * kThreadColumns;
    static_assert(kM % kRowsEach == 0 && kN % kColumnsEach == 0, "patches must cover the tile");
    static_assert(kThreads % kK == 0 && kThreads % kM == 0 && kThreads % kN == 0 && kM * kK % kThreads == 0 &&
                      kN * kK % kThreads == 0,
                  "threads must share out each slice");
    // How many elements of each slice a thread stages.
    static constexpr int kStagedA = kM * kK / kThreads;
    static constexpr int kStagedB = kN * kK / kThreads;

    // Slices hold what sums are kept in: an operand is widened once, when it is staged.
    using Sum = typename Precision<Real>::Sum;
    // One column more than needed: threads that stage one row of A in turn would otherwise hit one bank.
    using SliceA = Sum[kK][kM + 1];
    using SliceB = Sum[kK][kN + 1];

    Sum sum[kRowsEach][kColumnsEach];

    __device__ Tile() {
        for (int r = 0; r < kRowsEach; ++r) {
            for (int c = 0; c < kColumnsEach; ++c) sum[r][c] = 0;
        }
    }

    // The position within the tile of this thread's patch element (r, c).
    __device__ static int row(int r) { return threadIdx.x / kThreadColumns + r * kThreadRows; }
    __device__ static int column(int c) { return threadIdx.x % kThreadColumns + c * kThreadColumns; }

    // Adds one slice; all threads must have staged it, and none may overwrite it before all have added.
    __device__ void add(const SliceA& a, const SliceB& b) {
#pragma unroll
        for (int k = 0; k < kK; ++k) {
            Sum left[kRowsEach], right[kColumnsEach];
#pragma unroll
            for (int r = 0; r < kRowsEach; ++r) left[r] = a[k][row(r)];
#pragma unroll
            for (int c = 0; c < kColumnsEach; ++c) right[c] = b[k][column(c)];
#pragma unroll
            for (int r = 0; r < kRowsEach; ++r) {
#pragma unroll
                for (int c = 0; c < kColumnsEach; ++c) sum[r][c] += left[r] * right[c];
            }
        }
    }
};

// What a block computes: which tile, of which group, and for grad_weight which split of the sum. The grid has one
// dimension, because only the first may exceed 65,535.
struct BlockTask {
    int tile_column, group, split;
    long long tile_row;
};
__device__ inline BlockTask block_task(long long tile_rows, int tile_columns, int groups) {
    long long number = blockIdx.x;
    BlockTask task;
    task.tile_column = static_cast<int>(number % tile_columns);
    number /= tile_columns;
    task.tile_row = number % tile_rows;
    number /= tile_rows;
    task.group = static_cast<int>(number % groups);
    task.split = static_cast<int>(number / groups);
    return task;
}

__device__ inline long long divide_up(long long a, long long b) { return (a + b - 1) / b; }
