// A matrix product C = A B on tensor cores, through mma.sync: what the three operators share.
//
// A block computes a kM x kN tile of C in slices of kK terms, from a ring of kStages slices in shared memory: while it
// multiplies one, cp.async fills those behind it, past the registers; one barrier a slice. Each warp owns a kWarpM x
// kWarpN part of the tile, whose sums stay in registers, and reads what it multiplies by ldmatrix. Products are exact in
// float and added in float, in the order of the terms; a result goes through shared memory once more, so that a lane has
// neighbours of one row, rounds each once, and writes what exists.
//
// Slices lie as memory has them, with neighbours along the terms or across them. Halves across the terms are transposed
// by ldmatrix; it knows no words, so TF32's are read one by one. TF32's are rounded as they are read: nothing else sees
// them on their way.
//
// Banks: chunks of 16 bytes, 8 of which are all banks. A row of chunks is in order but for an exclusive or with its
// number, so that each access meets 8 different ones of them, and no byte of the ring is left empty:
//     along the terms    4 chunks a row, two rows all banks: chunk ^ row / 2. ldmatrix reads a chunk of 8 rows.
//     halves across      8 or 16 chunks a row:              chunk ^ row. ldmatrix reads a chunk of 8 rows.
//     words across       16 or 32 chunks a row:             chunk ^ 2 row. A warp reads 2 chunks of 4 rows.
// cp.async writes 8 neighbouring chunks at a time, of one row or, along the terms, of two.
//
// Napkin, 128x128x32 in halves, 4 warps of 64x64, 3 stages: a slice is 64 mma.sync a warp, 2,048 multiply-adds each. Of
// an H100's 2,048 a clock mma.sync reaches some 60 %, so a block's slice takes 430 clocks. Meanwhile the warps read 4 (64
// + 64) 64 bytes of shared memory, 256 clocks at 128 bytes each, and cp.async writes 16 KB, 128 clocks: 384 in all. An
// A100 has half the rate, all of which mma.sync reaches: 512 clocks. Two slices are on their way while one is multiplied,
// by each of two blocks: 1,700 clocks for a latency of some 800. The ring is all of the 48 KB that a block may declare,
// and two of them fit each architecture from sm_80 on: that is why what other kernels keep in shared memory (tasks, bases
// of rows) is in registers here, of which the sums take 128 of 255. A slice is 32 multiply-adds for each byte, so 60 % of
// an H100 asks L2 for 9 TB/s where it has some 5.5: what gathered pixels find in L1, tap after tap, is the difference.
// TF32 has half the elements in a slice, 128x128x16, and half the rate: the same bytes a clock. The small tile, 64x64 by
// 4 warps of 32x32, reads twice as much for each multiply-add and is limited by shared memory, at a third of the rate.
// What compilers make of it (13.5, sm_80 to sm_120): 229 to 241 registers for the large tile, no spills. A slice is 64
// HMMA one after another, 16 LDSM and 8 LDGSTS among some 250 instructions, for 430 clocks and two warps of a scheduler.
// TF32 has two more for each word that is rounded, 128, and across the terms 32 or 64 LDS in place of 8 or 16 LDSM.
#pragma once

#include "lines.cuh"
#include "ptx.cuh"
#include "tensor_tile.cuh"
#include "warp_tile.cuh"

template <typename Number>
struct StoredAs {
    using Type = Number;
};
template <>
struct StoredAs<Tf32> {
    using Type = float;
};

// Both operands' slices: next(to_a, to_b) says where the thread's shares of the next ones are, to_a(f, neighbours) for each
// of A's and to_b likewise. By a stager for each operand, or by one walk along the lines of both.
template <typename StagerA, typename StagerB>
struct StagedApart {
    StagerA& a;
    StagerB& b;

    template <int kStep, typename ToA, typename ToB>
    __device__ void next(const ToA& to_a, const ToB& to_b) {
        a.template next<kStep>(to_a);
        b.template next<kStep>(to_b);
    }
};
template <typename Real, int kFetchesA, typename Stager>
struct StagedTogether {
    Stager& both;

    template <int kStep, typename ToA, typename ToB>
    __device__ void next(const ToA& to_a, const ToB& to_b) {
        both.template next<kStep>([&](int l, const Neighbours<Real>& found) {
            if (l < kFetchesA) {
                to_a(l, found);
            } else {
                to_b(l - kFetchesA, found);
            }
        });
    }
};

template <typename Number_, int kM_, int kN_, int kK_, int kWarpM, int kWarpN, int kStages>
struct MultistageTile {
    using Number = Number_;
    using Stored = typename StoredAs<Number>::Type;
    static constexpr int kM = kM_, kN = kN_, kK = kK_;
    static constexpr int kChunk = 16;  // bytes
    static constexpr int kEach = kChunk / static_cast<int>(sizeof(Stored));  // neighbours that a thread moves together
    static constexpr int kStep = 2 * kEach;                                  // terms of one mma.sync
    static constexpr int kSide = 16, kColumns = 8;                           // of its sums
    static constexpr int kPartsM = kWarpM / kSide, kPartsN = kWarpN / kSide;
    static constexpr int kWarpsN = kN / kWarpN, kWarps = kM / kWarpM * kWarpsN, kThreads = 32 * kWarps;
    static_assert(kM % kWarpM == 0 && kN % kWarpN == 0, "warps must share out the tile");
    static_assert(kWarpM % kSide == 0 && kWarpN % kSide == 0 && kK % kStep == 0, "and sums a warp's part");
    static_assert(kK == 2 * kStep, "banks: four chunks along the terms");

    template <bool kAlong, int kLines>
    using Shares = SliceShares<kAlong, kLines, kK, kEach, kThreads>;

    // A slice of A (lines: rows) or of B (lines: columns): where it has a chunk of a row, in bytes.
    template <bool kAlong, int kLines>
    struct Slice {
        static constexpr int kRow = Shares<kAlong, kLines>::kRow;  // chunks
        static constexpr int kBytes = kLines * kK * static_cast<int>(sizeof(Stored));
        __device__ static int at(int row, int chunk) {
            int twist = kAlong ? row / 2 % 4 : sizeof(Stored) == 2 ? row % 8 : row % 4 * 2;
            return (row * kRow + (chunk ^ twist)) * kChunk;
        }
        // So many rows and chunks further, all of them known to the compiler. rows: a multiple of 8, or of 4 for words
        // across; chunks: bits that `chunk` did not have.
        __device__ static int further(int at, int rows, int chunks) {
            return (at ^ chunks % 8 * kChunk) + (rows * kRow + chunks / 8 * 8) * kChunk;
        }
        // Where the thread's copies go; from one to the next there are kApart bytes.
        static constexpr int kApart = Shares<kAlong, kLines>::kApart * kRow * kChunk;
        __device__ static int mine() { return at(threadIdx.x / kRow, threadIdx.x % kRow); }
    };
    static constexpr int kBytesA = Slice<true, kM>::kBytes, kStage = kBytesA + Slice<true, kN>::kBytes;

    // Plan: what a block's threads tell one another before the first slice comes, and after the last one.
    template <typename Plan>
    union Shared {
        alignas(128) unsigned char stages[kStages][kStage];
        float sums[kWarps][kSide][kWarpN + 8];  // of one row of parts; rows of a store begin 8 banks apart
        Plan plan;
    };

    // make(): the plan, by one thread for all.
    template <typename Plan, typename Make>
    __device__ static Plan agree(Shared<Plan>& shared, const Make& make) {
        __syncthreads();
        if (threadIdx.x == 0) shared.plan = make();
        __syncthreads();
        Plan plan = shared.plan;
        __syncthreads();
        return plan;
    }

    float sum[kPartsM][2 * kPartsN][4] = {};

    // Adds `slices` slices, one after another of those that `staged` has, a StagedApart or StagedTogether.
    template <bool kAlongA, bool kAlongB, typename Plan, typename Staged>
    __device__ void multiply(Staged&& staged, int slices, Shared<Plan>& shared) {
        using A = Slice<kAlongA, kM>;
        using B = Slice<kAlongB, kN>;
        using Found = Neighbours<Stored>;
        int mine_a = A::mine(), mine_b = kBytesA + B::mine();
        auto copy = [&](int stage) {
            unsigned begin = shared_address(shared.stages[stage]);
            staged.template next<kK>(
                [&](int f, const Found& a) { copy_async(begin + mine_a + f * A::kApart, a.from, a.exist); },
                [&](int f, const Found& b) { copy_async_once(begin + mine_b + f * B::kApart, b.from, b.exist); });
        };
#pragma unroll
        for (int stage = 0; stage < kStages - 1; ++stage) {
            if (stage < slices) copy(stage);
            close_group_of_copies();
        }
        int reading = 0, writing = kStages - 1;
        for (int slice = 0; slice < slices; ++slice) {
            wait_for_copies<kStages - 2>();
            __syncthreads();
            Parts parts[2];
            const unsigned char* stage = shared.stages[reading];
            load<kAlongA, kAlongB>(parts[0], stage, 0);
            if (slice + kStages - 1 < slices) copy(writing);
            close_group_of_copies();
#pragma unroll
            for (int step = 0; step < kK / kStep; ++step) {
                if (step + 1 < kK / kStep) load<kAlongA, kAlongB>(parts[(step + 1) % 2], stage, step + 1);
                add(parts[step % 2]);
            }
            reading = reading + 1 == kStages ? 0 : reading + 1;
            writing = writing + 1 == kStages ? 0 : writing + 1;
        }
    }

    // Writes this warp's part, after `multiply` and a barrier. rows.at(row): the first element of that row of C, of the
    // tile's kM, null where there is none; columns: how many of the tile's kN exist.
    template <typename Result, typename Plan, typename Rows>
    __device__ void write(const Rows& rows, int columns, Shared<Plan>& shared) const {
        int lane = threadIdx.x % 32;
        auto& mine = shared.sums[threadIdx.x / 32];
#pragma unroll
        for (int r = 0; r < kPartsM; ++r) {
#pragma unroll
            for (int c = 0; c < 2 * kPartsN; ++c) {
                int column = c * kColumns + lane % 4 * 2;
                *reinterpret_cast<float2*>(&mine[lane / 4][column]) = make_float2(sum[r][c][0], sum[r][c][1]);
                *reinterpret_cast<float2*>(&mine[lane / 4 + 8][column]) = make_float2(sum[r][c][2], sum[r][c][3]);
            }
            __syncwarp();
            write_rows<kEach, kEach, kSide, kWarpN, kWarpN + 8, Result>(mine[0], rows, warp_row() + r * kSide,
                                                                        warp_column(), columns);
            __syncwarp();
        }
    }

private:
    __device__ static int warp_row() { return threadIdx.x / 32 / kWarpsN * kWarpM; }
    __device__ static int warp_column() { return threadIdx.x / 32 % kWarpsN * kWarpN; }

    // What a warp multiplies in one step: 16 rows of A each, and 16 columns of B, which are two operands of mma.sync.
    struct Parts {
        unsigned a[kPartsM][4], b[kPartsN][4];
    };

    template <bool kAlongA, bool kAlongB>
    __device__ static void load(Parts& parts, const unsigned char* stage, int step) {
#pragma unroll
        for (int c = 0; c < kPartsN; ++c) {
            load_part<false, kAlongB, kN>(parts.b[c], stage + kBytesA, warp_column(), c, step);
        }
#pragma unroll
        for (int r = 0; r < kPartsM; ++r) load_part<true, kAlongA, kM>(parts.a[r], stage, warp_row(), r, step);
    }

    // The step's terms of 16 lines, those of the warp's part with this number, as four words: each of 8 lines and of half
    // of the terms, in the order that mma.sync wants of A and of B. Word i of lane l is word l % 4 of line l / 4 of these.
    template <bool kOfA, bool kAlong, int kLines>
    __device__ static void load_part(unsigned (&words)[4], const unsigned char* slice, int first, int part, int step) {
        using S = Slice<kAlong, kLines>;
        constexpr int kPart = kSide / kEach;  // chunks
        int lane = threadIdx.x % 32;
        auto lines = [](int i) { return kOfA ? i % 2 : i / 2; };  // which 8
        auto half = [](int i) { return kOfA ? i / 2 : i % 2; };
        if (kAlong) {
            int at = S::at(first + lines(lane / 8) * 8 + lane % 8, half(lane / 8));
            load_matrices(words, shared_address(slice + S::further(at, part * kSide, step * 2)));
        } else if (sizeof(Stored) == 2) {
            int at = S::at(half(lane / 8) * 8 + lane % 8, first / kEach + lines(lane / 8));
            load_matrices_transposed(words, shared_address(slice + S::further(at, step * kStep, part * kPart)));
        } else {
            int at = S::at(lane % 4, first / kEach + lane / 16) + lane / 4 % 4 * 4;
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                int byte = S::further(at, step * kStep + half(i) * 4, part * kPart + lines(i) * 2);
                words[i] = *reinterpret_cast<const unsigned*>(slice + byte);
            }
        }
        round(words, static_cast<Number*>(nullptr));
    }
    __device__ static void round(unsigned (&words)[4], Tf32*) {
#pragma unroll
        for (int i = 0; i < 4; ++i) words[i] = round_to_tf32(words[i]);
    }
    __device__ static void round(unsigned (&)[4], void*) {}

    __device__ void add(const Parts& parts) {
#pragma unroll
        for (int r = 0; r < kPartsM; ++r) {
#pragma unroll
            for (int c = 0; c < 2 * kPartsN; ++c) {
                multiply_add<Number>(sum[r][c], parts.a[r], parts.b[c / 2][c % 2 * 2], parts.b[c / 2][c % 2 * 2 + 1]);
            }
        }
    }
};
