// A matrix product C = A B by warp tiles: the main loop that all operators and the 1x1 kernels share.
//
// A block computes a kM x kN tile of C in slices of kK terms, from two buffers in shared memory: while it multiplies
// one slice, its threads fetch the next from global memory into registers, and store it into the other buffer when
// they are done; one barrier a slice. Each warp owns a part of the tile, kLanesM x (32 / kLanesM) lanes, and each lane a
// kRows x kColumns patch of it in squares of 4x4 (2x2 for double), whose operands are 128-bit reads.
//
// Napkin, for 128x128x8, 8x8 patches, float: a slice is 2 * 128 * 8 elements for 128 * 128 * 8 multiply-adds, so an
// element from L2 is used 64 times, and 67 TFLOP/s ask for 2.1 TB/s of L2. A lane reads 16 elements in 4 accesses
// for 64 multiply-adds. 64 sums, 16 operands, twice that while the next ones are read, 8 elements in flight and the
// addresses fit the 128 registers that let two blocks of 256 threads on a multiprocessor.
//
// Banks: rows of a slice are 16 bytes longer than the tile. A stager along the terms stores its 4 terms into 4 rows;
// the lanes of a half warp (2 groups of 4 terms for 8 or 16 places) then hit banks 4 rows apart: 4 * (kM + 4) mod 32 =
// 16 for float, and 4 * (kM + 2) mod 16 = 8 for double: the other half of the banks. Reads: the lanes of one row or
// column of lanes share an address, different ones lie side by side.
#pragma once

#include "staging.cuh"

template <typename Real, int kM_, int kN_, int kK_, int kRows_, int kColumns_, int kLanesM_>
struct WarpTile {
    static constexpr int kM = kM_, kN = kN_, kK = kK_, kRows = kRows_, kColumns = kColumns_, kLanesM = kLanesM_;
    static constexpr int kEach = 4;  // neighbours that a thread fetches and stores together
    static constexpr int kLanesN = 32 / kLanesM;
    static constexpr int kWarpM = kLanesM * kRows, kWarpN = kLanesN * kColumns;
    static constexpr int kWarpsN = kN / kWarpN;
    static constexpr int kThreads = 32 * (kM / kWarpM) * kWarpsN;
    // Blocks that a multiprocessor of 65,536 registers can hold: with 128 a thread, or 168 where sums are doubles.
    static constexpr int kBlocks = (sizeof(typename Precision<Real>::Sum) == 8 ? 384 : 512) / kThreads;
    static constexpr int kFetchesA = kM * kK / (kEach * kThreads), kFetchesB = kN * kK / (kEach * kThreads);
    static_assert(32 % kLanesM == 0 && kM % kWarpM == 0 && kN % kWarpN == 0, "warps must share out the tile");
    static_assert(kK % (2 * kEach) == 0, "a slice must hold two vectors along the terms");
    static_assert(kFetchesA * kEach * kThreads == kM * kK && kFetchesB * kEach * kThreads == kN * kK,
                  "threads must share out each slice");

    // Operands are widened once, when they are stored into shared memory.
    using Sum = typename Precision<Real>::Sum;
    static constexpr int kPiece = 16 / static_cast<int>(sizeof(Sum));  // elements of one access to shared memory
    static constexpr int kPad = kPiece;
    static_assert(kRows % kPiece == 0 && kColumns % kPiece == 0, "a lane's patch is made of squares");
    struct Shared {
        alignas(16) Sum a[2][kK][kM + kPad];
        alignas(16) Sum b[2][kK][kN + kPad];
    };

    Sum sum[kRows][kColumns];

    // Which neighbours of a slice the thread's fetch f has: the first one's term, and its row of A or column of B.
    struct Place {
        int term, line;
    };
    // Two lanes share a line's 8 terms, which is a sector of 32 bytes in float; kLines: kM or kN.
    template <bool kAlong, int kLines>
    __device__ static Place place(int f) {
        int number = threadIdx.x + f * kThreads;
        if (!kAlong) return {number / (kLines / kEach), number % (kLines / kEach) * kEach};
        return {(number % 2 + number / (2 * kLines) * 2) * kEach, number / 2 % kLines};
    }

    __device__ WarpTile() {
#pragma unroll
        for (int r = 0; r < kRows; ++r) {
#pragma unroll
            for (int c = 0; c < kColumns; ++c) sum[r][c] = 0;
        }
    }

    // The position within the tile of this lane's patch element (r, c).
    __device__ static int row(int r) {
        int warp_row = threadIdx.x / 32 / kWarpsN, lane_row = threadIdx.x % 32 / kLanesN;
        return warp_row * kWarpM + r / kPiece * (kLanesM * kPiece) + lane_row * kPiece + r % kPiece;
    }
    __device__ static int column(int c) {
        int warp_column = threadIdx.x / 32 % kWarpsN, lane_column = threadIdx.x % kLanesN;
        return warp_column * kWarpN + c / kPiece * (kLanesN * kPiece) + lane_column * kPiece + c % kPiece;
    }

    // Adds `slices` slices. make_a(place): a stager of A that begins at that place of the first slice; make_b alike.
    template <typename StagerA, typename StagerB, typename MakeA, typename MakeB>
    __device__ void multiply(const MakeA& make_a, const MakeB& make_b, int slices, Shared& shared) {
        Stagers<StagerA, kFetchesA> a([&](int f) { return make_a(place<StagerA::kAlong, kM>(f)); });
        Stagers<StagerB, kFetchesB> b([&](int f) { return make_b(place<StagerB::kAlong, kN>(f)); });
        auto fetch = [&](Real (&values_a)[kFetchesA][kEach], Real (&values_b)[kFetchesB][kEach]) {
            a.template fetch<kK>(values_a);
            b.template fetch<kK>(values_b);
        };
        multiply_fetched<StagerA::kAlong, StagerB::kAlong>(fetch, slices, shared);
    }

    // The same for slices that fetch(values_a, values_b) fetches, one after another.
    template <bool kAlongA, bool kAlongB, typename Fetch>
    __device__ void multiply_fetched(const Fetch& fetch, int slices, Shared& shared) {
        Real values_a[kFetchesA][kEach], values_b[kFetchesB][kEach];
        if (slices > 0) {
            fetch(values_a, values_b);
            store<kAlongA>(values_a, shared.a[slices % 2]);
            store<kAlongB>(values_b, shared.b[slices % 2]);
        }
        __syncthreads();
        for (int left = slices; left > 0; --left) {
            if (left > 1) fetch(values_a, values_b);
            add(shared.a[left % 2], shared.b[left % 2]);
            if (left > 1) {
                store<kAlongA>(values_a, shared.a[(left - 1) % 2]);
                store<kAlongB>(values_b, shared.b[(left - 1) % 2]);
            }
            __syncthreads();
        }
    }

    // Writes this lane's patch. at(row): the first element of that row of C, of the tile's kM, null where there is
    // none; columns: how many of the tile's kN exist. kVector: 4 where their number and addresses allow for it.
    template <int kVector, typename Stored, typename Rows>
    __device__ void write(const Rows& rows, int columns) const {
#pragma unroll
        for (int r = 0; r < kRows; ++r) {
            Stored* line = rows.at(row(r));
            if (line == nullptr) continue;
#pragma unroll
            for (int c = 0; c < kColumns; c += kPiece) {
                Stored values[kPiece];
#pragma unroll
                for (int i = 0; i < kPiece; ++i) values[i] = Precision<Stored>::store(sum[r][c + i]);
                if (kVector == kEach) {
                    if (column(c) < columns) store_vector(values, line + column(c));
                } else {
#pragma unroll
                    for (int i = 0; i < kPiece; ++i) {
                        if (column(c + i) < columns) line[column(c + i)] = values[i];
                    }
                }
            }
        }
    }

private:
    template <bool kAlong, int kFetches, int kRow>
    __device__ static void store(const Real (&values)[kFetches][kEach], Sum (&slice)[kK][kRow]) {
#pragma unroll
        for (int f = 0; f < kFetches; ++f) {
            Place to = place<kAlong, kRow - kPad>(f);
            Sum widened[kEach];
#pragma unroll
            for (int i = 0; i < kEach; ++i) widened[i] = Precision<Real>::load(values[f][i]);
            if (kAlong) {
#pragma unroll
                for (int i = 0; i < kEach; ++i) slice[to.term + i][to.line] = widened[i];
            } else {
                store_vector(widened, &slice[to.term][to.line]);
            }
        }
    }

    __device__ void add(const Sum (&a)[kK][kM + kPad], const Sum (&b)[kK][kN + kPad]) {
#pragma unroll
        for (int k = 0; k < kK; ++k) {
            Sum left[kRows / kPiece][kPiece], right[kColumns / kPiece][kPiece];
#pragma unroll
            for (int r = 0; r < kRows / kPiece; ++r) load_vector(&a[k][row(r * kPiece)], left[r]);
#pragma unroll
            for (int c = 0; c < kColumns / kPiece; ++c) load_vector(&b[k][column(c * kPiece)], right[c]);
#pragma unroll
            for (int r = 0; r < kRows; ++r) {
#pragma unroll
                for (int c = 0; c < kColumns; ++c) {
                    sum[r][c] += left[r / kPiece][r % kPiece] * right[c / kPiece][c % kPiece];
                }
            }
        }
    }
};

// What a block computes: which tile, of which class of pixels and which group, and for grad_weight which split of the
// sum. It is kept in shared memory: all threads have the same one, and need it again when they write their results.
struct WarpTask {
    int columns;  // of C, in one group
    int tile_column, class_, group, split;
    long long tile_row;
};

// The grid has one dimension, because only the first may exceed 65,535. Blocks that run at the same time should share
// what they read: classes of the same pixels come first, then 8 tiles below one another, then those beside them.
__device__ inline WarpTask warp_task(long long tile_rows, int columns, int kN, int classes, int groups) {
    constexpr int kBand = 8;
    int tile_columns = (columns - 1) / kN + 1;
    long long number = blockIdx.x;
    WarpTask task;
    task.columns = columns;
    task.class_ = static_cast<int>(number % classes);
    number /= classes;
    long long tiles = tile_rows * tile_columns, tile = number % tiles;
    number /= tiles;
    task.group = static_cast<int>(number % groups);
    task.split = static_cast<int>(number / groups);
    long long band = tile / (static_cast<long long>(kBand) * tile_columns);
    long long rest = tile - band * kBand * tile_columns, rows_left = tile_rows - band * kBand;
    long long height = rows_left < kBand ? rows_left : kBand;
    task.tile_row = band * kBand + rest % height;
    task.tile_column = static_cast<int>(rest / height);
    return task;
}

__device__ inline long long tiles_over(long long size, int tile) { return (size + tile - 1) / tile; }
__device__ inline int slices_of(long long terms, int slice) { return static_cast<int>((terms + slice - 1) / slice); }

// Rows of C that lie one after another, from the tile's first one on.
template <typename Stored>
struct DenseRows {
    Stored* first;  // of the tile, at its first column
    long long row_size, rows_left;
    __device__ Stored* at(int row) const { return row < rows_left ? first + row * row_size : nullptr; }
};
