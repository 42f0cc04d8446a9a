// A matrix product C = A B on tensor cores, through nvcuda::wmma: what the three operators share.
//
// A block computes a kM x kN tile of C in slices of kK terms, from two buffers in shared memory: while it multiplies
// one slice, its threads fetch the next from global memory into registers, and store it into the other buffer when
// they are done; one barrier a slice. Each warp owns a kWarpM x kWarpN part of the tile, as fragments of 16 x 16 that
// stay in registers. Products are exact in float and added in float; a result goes through shared memory once more, so
// that a lane has neighbours of one row, rounds each once, and writes what exists.
//
// Slices lie as memory has them, with neighbours along the terms or across them, and wmma is told which: no element is
// ever transposed. Rows are 16 bytes longer than the slice, so that 8 rows of a fragment begin in different banks
// (40 or 136 halves are 20 or 68 words: multiples of 4 words, all different modulo 32).
//
// Napkin, 128x128x32 in halves, 8 warps of 64x32: a warp reads (64 + 32) 16 elements from shared memory for 64 * 32 *
// 16 multiply-adds, so its 128 bytes a clock feed 1,365 of them: a little more than the 60 % of 2,048 that mma.sync
// reaches on an H100. A slice is 16 KB for 0.5 M multiply-adds, 32 for each byte, so that rate asks for 9 TB/s. L2 has
// about half of it: it limits the 1x1 layers, while with a larger kernel the same pixels come again, many of them from
// L1. TF32 has half the elements in a slice, 128x128x16, and half the rate: the same bytes a second. The sums alone
// are 64 registers a thread, and with some 160 in all a multiprocessor holds one block of the large tile or three of
// the small one.
// What compilers make of it (11.8 to 13.5, from sm_75 on): halves are read by ldmatrix, 12 for the 32 products of a
// warp's slice; bfloat16 and TF32 by 48 generic loads of one word each. So expect halves to be the fastest.
#pragma once

#include <mma.h>

#include "lines.cuh"
#include "tensor_tile.cuh"
#include "warp_tile.cuh"

// What is multiplied. Stored: in memory. Multiplied: what wmma calls it. kDepth: terms of one wmma. round: what is
// fetched becomes what will be multiplied.
template <typename Number>
struct TensorOperand;

template <typename Number>
struct AsItIs {
    using Stored = Number;
    using Multiplied = Number;
    static constexpr int kDepth = 16;
    template <int kCount>
    __device__ static void round(Packed<Stored, kCount>&) {}
};

template <>
struct TensorOperand<__half> : AsItIs<__half> {};

#if __CUDA_ARCH__ >= 800
template <>
struct TensorOperand<__nv_bfloat16> : AsItIs<__nv_bfloat16> {};

template <>
struct TensorOperand<Tf32> {
    using Stored = float;
    using Multiplied = nvcuda::wmma::precision::tf32;
    static constexpr int kDepth = 8;
    // To nearest. A tensor core itself would cut the bits off, and be wrong by twice as much.
    template <int kCount>
    __device__ static void round(Packed<float, kCount>& values) {
#pragma unroll
        for (int i = 0; i < kCount; ++i) {
            values.words[i] = __float_as_uint(nvcuda::wmma::__float_to_tf32(__uint_as_float(values.words[i])));
        }
    }
};
#endif

template <bool kCondition, typename Yes, typename No>
struct Choose {
    using Type = Yes;
};
template <typename Yes, typename No>
struct Choose<false, Yes, No> {
    using Type = No;
};

template <typename Number, int kM_, int kN_, int kK_, int kWarpM, int kWarpN>
struct TensorTile {
    using Operand = TensorOperand<Number>;
    using Stored = typename Operand::Stored;
    static constexpr int kM = kM_, kN = kN_, kK = kK_, kDepth = Operand::kDepth;
    static constexpr int kEach = 16 / static_cast<int>(sizeof(Stored));  // neighbours that a thread moves together
    using Values = Packed<Stored, kEach>;
    static constexpr int kSide = 16;  // of a fragment of C
    static constexpr int kFragmentsM = kWarpM / kSide, kFragmentsN = kWarpN / kSide;
    static constexpr int kWarpsN = kN / kWarpN, kWarps = kM / kWarpM * kWarpsN, kThreads = 32 * kWarps;
    static constexpr int kBlocks = 384 / kThreads;  // on a multiprocessor of 65,536 registers: 168 a thread, or 256
    template <bool kAlong, int kLines>
    using Shares = SliceShares<kAlong, kLines, kK, kEach, kThreads>;
    static constexpr int kFetchesA = Shares<true, kM>::kFetches, kFetchesB = Shares<true, kN>::kFetches;
    static constexpr int kApart = Shares<true, kM>::kApart;
    static_assert(kM % kWarpM == 0 && kN % kWarpN == 0, "warps must share out the tile");
    static_assert(kWarpM % kSide == 0 && kWarpN % kSide == 0 && kK % kDepth == 0, "and fragments a warp's part");

    // A slice of A (lines: rows) or of B (lines: columns), as its neighbours lie.
    template <bool kAlong, int kLines>
    struct alignas(32) Slice {
        static constexpr int kRow = (kAlong ? kK : kLines) + kEach;
        Stored at[kAlong ? kLines : kK][kRow];
        __device__ const Stored* corner(int line, int term) const { return kAlong ? &at[line][term] : &at[term][line]; }
    };
    template <bool kAlongA, bool kAlongB>
    struct Shared {
        Slice<kAlongA, kM> a[2];
        Slice<kAlongB, kN> b[2];
    };

    nvcuda::wmma::fragment<nvcuda::wmma::accumulator, kSide, kSide, kDepth, float> sum[kFragmentsM][kFragmentsN];

    __device__ TensorTile() {
#pragma unroll
        for (int r = 0; r < kFragmentsM; ++r) {
#pragma unroll
            for (int c = 0; c < kFragmentsN; ++c) nvcuda::wmma::fill_fragment(sum[r][c], 0.0f);
        }
    }

    // Adds `slices` slices, which fetch(values_a, values_b) fetches one after another.
    template <bool kAlongA, bool kAlongB, typename Fetch>
    __device__ void multiply(const Fetch& fetch, int slices, Shared<kAlongA, kAlongB>& shared) {
        Values values_a[kFetchesA], values_b[kFetchesB];
        if (slices > 0) {
            fetch(values_a, values_b);
            store<kAlongA, kM>(values_a, shared.a[0]);
            store<kAlongB, kN>(values_b, shared.b[0]);
        }
        __syncthreads();
        for (int slice = 0; slice < slices; ++slice) {
            bool more = slice + 1 < slices;
            if (more) fetch(values_a, values_b);
            add<kAlongA, kAlongB>(shared.a[slice % 2], shared.b[slice % 2]);
            if (more) {
                store<kAlongA, kM>(values_a, shared.a[(slice + 1) % 2]);
                store<kAlongB, kN>(values_b, shared.b[(slice + 1) % 2]);
            }
            __syncthreads();
        }
    }

    // Writes this warp's part, after `multiply`. rows.at(row): the first element of that row of C, of the tile's kM,
    // null where there is none; columns: how many of the tile's kN exist. kVector: kEach where their number and
    // addresses allow for it. `shared` has served: each warp has room of its own there for a row of fragments.
    template <int kVector, typename Result, typename Rows, typename SharedType>
    __device__ void write(const Rows& rows, int columns, SharedType& shared) const {
        constexpr int kRow = kWarpN + 4;
        static_assert(sizeof(SharedType) >= sizeof(float) * kWarps * kSide * kRow, "a row of fragments of each warp");
        float* mine = reinterpret_cast<float*>(&shared) + threadIdx.x / 32 * (kSide * kRow);
#pragma unroll
        for (int r = 0; r < kFragmentsM; ++r) {
#pragma unroll
            for (int c = 0; c < kFragmentsN; ++c) {
                nvcuda::wmma::store_matrix_sync(mine + c * kSide, sum[r][c], kRow, nvcuda::wmma::mem_row_major);
            }
            __syncwarp();
            write_rows<kEach, kVector, kSide, kWarpN, kRow, Result>(mine, rows, warp_row() + r * kSide, warp_column(),
                                                                    columns);
            __syncwarp();
        }
    }

private:
    __device__ static int warp_row() { return threadIdx.x / 32 / kWarpsN * kWarpM; }
    __device__ static int warp_column() { return threadIdx.x / 32 % kWarpsN * kWarpN; }

    // Rounded, where the format rounds, once for all warps that will read it.
    template <bool kAlong, int kLines, int kFetches>
    __device__ static void store(Values (&values)[kFetches], Slice<kAlong, kLines>& slice) {
#pragma unroll
        for (int f = 0; f < kFetches; ++f) {
            auto to = Shares<kAlong, kLines>::place(f);
            Operand::round(values[f]);
            store_vector(values[f], kAlong ? &slice.at[to.line][to.term] : &slice.at[to.term][to.line]);
        }
    }

    template <bool kRows>
    using Layout = typename Choose<kRows, nvcuda::wmma::row_major, nvcuda::wmma::col_major>::Type;

    template <bool kAlongA, bool kAlongB>
    __device__ void add(const Slice<kAlongA, kM>& slice_a, const Slice<kAlongB, kN>& slice_b) {
        using namespace nvcuda::wmma;
        using Multiplied = typename Operand::Multiplied;
        // A row of A along the terms is a row in memory; a column of B along them is one, too.
        using A = fragment<matrix_a, kSide, kSide, kDepth, Multiplied, Layout<kAlongA>>;
        using B = fragment<matrix_b, kSide, kSide, kDepth, Multiplied, Layout<!kAlongB>>;
#pragma unroll
        for (int k = 0; k < kK; k += kDepth) {
            B b[kFragmentsN];
#pragma unroll
            for (int c = 0; c < kFragmentsN; ++c) {
                load_matrix_sync(b[c], slice_b.corner(warp_column() + c * kSide, k), Slice<kAlongB, kN>::kRow);
            }
#pragma unroll
            for (int r = 0; r < kFragmentsM; ++r) {
                A a;
                load_matrix_sync(a, slice_a.corner(warp_row() + r * kSide, k), Slice<kAlongA, kM>::kRow);
#pragma unroll
                for (int c = 0; c < kFragmentsN; ++c) mma_sync(sum[r][c], a, b[c], sum[r][c]);
            }
        }
    }
};
