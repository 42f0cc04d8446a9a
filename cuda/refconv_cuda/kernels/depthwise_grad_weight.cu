// Depthwise gradient by W: for each tap and channel a sum over all output pixels, split among blocks.
//
//     dW[m,n,0,l] = sum over (i,j,k) of X[i, y(j,m), x(k,n), l / q] G[i,j,k,l]        q = c_out / c_in
//
// X and G are large and dW is tiny: as fast as memory if all taps of a pixel are added up where its X and G have been
// loaded. A block adds up kSlab channels over its share of the pixels, its threads' sums in a fixed order, and writes a
// partial dW; sum_splits adds these in a fixed order. No atomics: the same result at every run.
#include "depthwise.cuh"

// Any kernel, stride, dilation and q. A worker of a block, which is as many lanes as make up a slab, has one tap and
// every parts-th output row of the block's. partial: [splits, a_h, a_w, c_out], in the type of the sums; rows_each: how
// many rows a split adds, counted through all images.
// Napkin, 3x3 at stride 2 in float: an output pixel and its four of X are 20 bytes a channel, or 34 cycles for a slab.
// Nine taps of eight lanes are 2.25 warps, each with two loads of 16 bytes and about 12 instructions: 7 cycles of the
// schedulers, at most 18 of L1.
template <typename Real, int kVector>
__global__ void __launch_bounds__(kThreads, 2)
    depthwise_grad_weight(const Real* __restrict__ gy, const Real* __restrict__ x,
                          typename Precision<Real>::Sum* __restrict__ partial, Problem p, long long rows_each) {
    using V = Channels<Real, kVector>;
    constexpr int kLanes = kSlab / kVector, kWorkers = kThreads / kLanes;
    __shared__ V sums[kWorkers][kLanes];

    int multiplier = p.c_out / p.c_in, slabs = (p.c_out - 1) / kSlab + 1;
    int taps = min(p.taps(), kWorkers), tiles = (p.taps() - 1) / taps + 1, parts = kWorkers / taps;
    int number = blockIdx.x;
    int lane = threadIdx.x % kLanes, worker = threadIdx.x / kLanes;
    int channel = number % slabs * kSlab + lane * kVector;
    number /= slabs;
    int tap = number % tiles * taps + worker % taps, part = worker / taps, split = number / tiles;
    bool exists = channel < p.c_out && tap < p.taps() && part < parts;

    V sum = V::zero();
    if (exists) {
        // The output columns for which this tap lies inside X.
        int before = p.pad_left - tap % p.kernel_width * p.dilation_width, last = p.width - 1 + before;
        int first_column = before <= 0 ? 0 : (before - 1) / p.stride_width + 1;
        int end_column = last < 0 ? 0 : min(p.out_width, last / p.stride_width + 1);
        int below = tap / p.kernel_width * p.dilation_height - p.pad_top;
        long long end_row = min((split + 1) * rows_each, static_cast<long long>(p.batch) * p.out_height);
        for (long long row = split * rows_each + part; row < end_row; row += parts) {
            long long image = row / p.out_height;
            int u = static_cast<int>(row - image * p.out_height) * p.stride_height + below;
            if (u < 0 || u >= p.height || first_column >= end_column) continue;
            int v = first_column * p.stride_width - before;
            const Real* of_x = x + ((image * p.height + u) * p.width + v) * p.c_in + channel / multiplier;
            const Real* of_gy = gy + (row * p.out_width + first_column) * p.c_out + channel;
#pragma unroll 4
            for (int k = first_column; k < end_column; ++k) {
                sum.add_product(V::load(of_x), V::load(of_gy));
                of_x += static_cast<long long>(p.stride_width) * p.c_in;
                of_gy += p.c_out;
            }
        }
    }
    sums[worker][lane] = sum;
    __syncthreads();
    if (!exists || part > 0) return;
    for (int other = 1; other < parts; ++other) {
#pragma unroll
        for (int v = 0; v < kVector; ++v) sum.of[v] += sums[other * taps + worker][lane].of[v];
    }
    auto* to = partial + (static_cast<long long>(split) * p.taps() + tap) * p.c_out + channel;
#pragma unroll
    for (int v = 0; v < kVector; ++v) to[v] = sum.of[v];
}

constexpr int kStripVector = 2;
constexpr int kStripRows = 2;

// Adds the products of one strip. kIsWhole: all its pixels exist. One that does not must be left out, at a branch for
// each: a zero in its place would make NaN of an infinite element of X.
template <typename Real, int kKernel, bool kIsWhole>
__device__ inline void add_strip(const Real* __restrict__ gy, const Real* __restrict__ x, const Problem& p, Pixel strip,
                                 int channel, Channels<Real, kStripVector> (&sum)[kKernel][kKernel]) {
    using V = Channels<Real, kStripVector>;
    constexpr int kLoaded = kStripColumns + kKernel - 1;
    int first_row = strip.row * kStripRows, first_column = strip.column * kStripColumns;
    int rows = min(kStripRows, p.out_height - first_row), columns = min(kStripColumns, p.out_width - first_column);
    V of_gy[kStripRows][kStripColumns];
    long long pixel = (static_cast<long long>(strip.image) * p.out_height + first_row) * p.out_width + first_column;
#pragma unroll
    for (int t = 0; t < kStripRows; ++t) {
        const Real* from = gy + (pixel + static_cast<long long>(t) * p.out_width) * p.c_in + channel;
#pragma unroll
        for (int k = 0; k < kStripColumns; ++k, from += p.c_in) {
            of_gy[t][k] = kIsWhole || (t < rows && k < columns) ? V::load(from) : V::zero();
        }
    }
    unsigned inside = 0;  // a bit for each column of X
#pragma unroll
    for (int column = 0; column < kLoaded; ++column) {
        int v = first_column - p.pad_left + column;
        if (0 <= v && v < p.width) inside |= 1u << column;
    }
    pixel = (static_cast<long long>(strip.image) * p.height + first_row - p.pad_top) * p.width;
    const Real* of_x = x + (pixel + first_column - p.pad_left) * p.c_in + channel;
#pragma unroll
    for (int r = 0; r < kStripRows + kKernel - 1; ++r) {
        int u = first_row + r - p.pad_top;
        if (u < 0 || u >= p.height) continue;
        const Real* from = of_x + static_cast<long long>(r) * p.width * p.c_in;
        V row[kLoaded];
#pragma unroll
        for (int column = 0; column < kLoaded; ++column, from += p.c_in) {
            row[column] = inside >> column & 1 ? V::load(from) : V::zero();
        }
#pragma unroll
        for (int t = 0; t < kStripRows; ++t) {
            int m = r - t;
            if (m < 0 || m >= kKernel || (!kIsWhole && t >= rows)) continue;
#pragma unroll
            for (int k = 0; k < kStripColumns; ++k) {
                if (!kIsWhole && k >= columns) continue;
#pragma unroll
                for (int n = 0; n < kKernel; ++n) sum[m][n].add_product(row[k + n], of_gy[t][k]);
            }
        }
    }
}

// A kKernel x kKernel kernel, stride 1, dilation 1, q = 1 and channels in multiples of four. A worker, 16 lanes, holds
// all taps of two channels in registers, and takes every eighth of the block's strips of 2 x 7 output pixels.
// partial: as above; strips_each: how many strips a split adds, counted through all images.
// Napkin, 7x7 in float: a strip of a warp's 32 threads is 896 elements of X and of G, 7,168 bytes or 377 cycles. It
// takes 2 * 7 * 49 * 2 = 1,372 multiply-adds, 8 rows of 13 loads and 14 loads of G, with their addresses about 2,300
// instructions, or 575 cycles of the schedulers: 0.65 of the memory roofline at best. 3x3: 252 multiply-adds of about
// 600 instructions, 150 cycles. 98 sums leave room for two blocks of 128 threads a multiprocessor, 13 loads of 8 bytes
// each in flight, 27 KB where 4.3 TB/s at 600 ns want 20.
template <typename Real, int kKernel>
__global__ void __launch_bounds__(kStripThreads, 2)
    depthwise_grad_weight_strip(const Real* __restrict__ gy, const Real* __restrict__ x,
                                typename Precision<Real>::Sum* __restrict__ partial, Problem p, long long strips_each) {
    using V = Channels<Real, kStripVector>;
    constexpr int kLanes = kSlab / kStripVector, kWorkers = kStripThreads / kLanes;
    __shared__ V sums[kWorkers][kKernel][kLanes];

    int slabs = (p.c_in - 1) / kSlab + 1, split = blockIdx.x / slabs;
    int lane = threadIdx.x % kLanes, worker = threadIdx.x / kLanes;
    int first_channel = blockIdx.x % slabs * kSlab, channel = first_channel + lane * kStripVector;
    int rows = (p.out_height - 1) / kStripRows + 1, columns = (p.out_width - 1) / kStripColumns + 1;
    V sum[kKernel][kKernel];
#pragma unroll
    for (int m = 0; m < kKernel; ++m) {
#pragma unroll
        for (int n = 0; n < kKernel; ++n) sum[m][n] = V::zero();
    }
    if (channel < p.c_in) {
        long long end = min((split + 1) * strips_each, static_cast<long long>(p.batch) * rows * columns);
        for (long long number = split * strips_each + worker; number < end; number += kWorkers) {
            Pixel strip = pixel_of(number, rows, columns);
            if ((strip.row + 1) * kStripRows <= p.out_height && (strip.column + 1) * kStripColumns <= p.out_width) {
                add_strip<Real, kKernel, true>(gy, x, p, strip, channel, sum);
            } else {
                add_strip<Real, kKernel, false>(gy, x, p, strip, channel, sum);
            }
        }
    }

    // Row by row of the kernel, to make do with little shared memory.
    auto* result = partial + static_cast<long long>(split) * kKernel * kKernel * p.c_in;
#pragma unroll
    for (int m = 0; m < kKernel; ++m) {
#pragma unroll
        for (int n = 0; n < kKernel; ++n) sums[worker][n][lane] = sum[m][n];
        __syncthreads();
        for (int e = threadIdx.x; e < kKernel * kLanes; e += kStripThreads) {
            int n = e / kLanes, of_lane = e % kLanes, to_channel = first_channel + of_lane * kStripVector;
            V total = sums[0][n][of_lane];
#pragma unroll
            for (int other = 1; other < kWorkers; ++other) {
#pragma unroll
                for (int v = 0; v < kStripVector; ++v) total.of[v] += sums[other][n][of_lane].of[v];
            }
            if (to_channel >= p.c_in) continue;
#pragma unroll
            for (int v = 0; v < kStripVector; ++v) {
                result[static_cast<long long>(m * kKernel + n) * p.c_in + to_channel + v] = total.of[v];
            }
        }
        __syncthreads();
    }
}
