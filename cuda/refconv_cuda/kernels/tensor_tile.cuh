// What the tiles for tensor cores share: which neighbours a thread moves into a slice, and how a warp writes results.
#pragma once

#include "precision.cuh"
#include "vector.cuh"

struct Tf32;  // stored as float, multiplied with 11 of its 24 bits

// A slice of kTerms terms of kLines rows of A or columns of B, which kThreads threads share out, kEach neighbours at a
// time: along the terms or across them, as memory has them.
template <bool kAlong, int kLines, int kTerms, int kEach, int kThreads>
struct SliceShares {
    static constexpr int kRow = (kAlong ? kTerms : kLines) / kEach;  // of neighbours, as memory has them
    static constexpr int kFetches = kLines * kTerms / (kEach * kThreads);
    static constexpr int kApart = kThreads / kRow;  // of a thread's fetches: so many lines, or terms
    static_assert(kFetches * kEach * kThreads == kLines * kTerms, "threads must share out each slice");
    static_assert(kThreads % kRow == 0, "a thread must fetch the same terms, or lines, each time");

    // The first neighbour of the thread's fetch f. Along the terms a few lanes share a line; across them neighbouring
    // lanes have neighbouring lines.
    struct Place {
        int term, line;
    };
    __device__ static Place place(int f = 0) {
        int row = threadIdx.x / kRow + f * kApart, first = threadIdx.x % kRow * kEach;
        if (kAlong) return {first, row};
        return {row, first};
    }
};

// Writes kRows x kColumns sums of a warp that lie in shared memory, kSize floats a row: each lane rounds kEach
// neighbours of one row, and writes what exists. rows.at(row): the first element of that row of C, null where there is
// none, for the rows from `row` on; `column`: of the first sum; columns: how many exist. kVector: kEach where their number
// and addresses allow for it.
template <int kEach, int kVector, int kRows, int kColumns, int kSize, typename Result, typename Rows>
__device__ inline void write_rows(const float* sums, const Rows& rows, int row, int column, int columns) {
    constexpr int kChunks = kColumns / kEach;
    for (int chunk = threadIdx.x % 32; chunk < kRows * kChunks; chunk += 32) {
        int down = chunk / kChunks, across = chunk % kChunks * kEach, first = column + across;
        Result* line = rows.at(row + down);
        if (line == nullptr) continue;
        Result values[kEach];
#pragma unroll
        for (int i = 0; i < kEach; ++i) values[i] = Precision<Result>::store(sums[down * kSize + across + i]);
        if (kVector == kEach) {
            if (first < columns) store_vector(values, line + first);
        } else {
#pragma unroll
            for (int i = 0; i < kEach; ++i) {
                if (first + i < columns) line[first + i] = values[i];
            }
        }
    }
}
