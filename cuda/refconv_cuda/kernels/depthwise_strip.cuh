// Depthwise correlation with a square kernel at stride 1 and dilation 1, one output channel an input channel: what the
// forward pass and the gradient by X then have in common.
//
//     D[i,j,k,c] = sum over (m,n) of S[i, j + m - before_h, k + n - before_w, c] V[m,n,c]         zero outside S
//     forward:      S = X, D = Y,  V[m,n] = W[m,n],           before = (top, left)
//     grad_input:   S = G, D = dX, V[m,n] = W[a-1-m, a-1-n],  before = (a - 1 - top, a - 1 - left), negative at times
//
// A thread has kRows x 7 results in four channels. It goes through the rows of S that they need, holds one of them in
// registers, and adds it to each row of results that has a tap for it: an element of S is loaded once for up to
// kRows kKernel results.
//
// Napkin, 7x7 in float on an H200, whose 4.3 TB/s are 19 bytes a cycle and multiprocessor. A warp has 32 threads of 4 x
// 7 results in 4 channels: 3,584 results, which move 28,672 bytes of X and Y, or 1,510 cycles. Meanwhile it issues 28 *
// 49 * 4 = 5,488 multiply-adds, 28 * 7 loads of weights, and 10 rows of 13 loads, which with their addresses are 140
// instructions a row: about 7,300 in all, or 1,830 cycles for four schedulers. Multiply-adds bind as much as memory
// does, and 0.8 of the memory roofline is the most to expect. 3x3, with two rows a thread: 504 multiply-adds of about
// 1,100 instructions for 56 results, or 280 cycles where memory takes 755. float16 and bfloat16 halve the bytes, not
// the multiply-adds: 3x3 stays bound by memory, 7x7 reaches at most 0.4 of its memory roofline.
// Latency: a 7x7 warp multiplies for about 800 cycles between two rows, so that a second one on the same scheduler
// hides a load; 112 sums and a row of 52 leave room for just these two. A 3x3 thread has 9 loads of 16 bytes in flight
// and three blocks of 128 fit, 55 KB, where 4.3 TB/s at 600 ns want 20.
// L2: a block of four strips across and four down is 28 x 16 pixels, and reads 34 x 22 for 7x7, 1.7 times as many;
// 28 x 8 and 30 x 10 for 3x3, 1.3 times.
#pragma once

#include "depthwise.cuh"

constexpr int kStripVector = 4;
// How many rows of results a thread has, and how many blocks its registers should leave room for.
__host__ __device__ constexpr int strip_rows(int kernel) { return kernel > 3 ? 4 : 2; }
__host__ __device__ constexpr int strip_blocks(int kernel) { return kernel > 3 ? 2 : 3; }

// S and D: their sizes, and how far the first window begins before S.
struct Correlation {
    int batch, channels;
    int source_height, source_width, height, width;
    int before_height, before_width;
};

template <typename Real, int kKernel>
__device__ inline void correlate_strip(const Real* __restrict__ source, const Real* __restrict__ w,
                                       Real* __restrict__ result, const Correlation& c, int across, bool is_flipped) {
    using V = Channels<Real, kStripVector>;
    constexpr int kTaps = kKernel * kKernel, kLanes = kSlab / kStripVector;
    constexpr int kRows = strip_rows(kKernel), kLoaded = kStripColumns + kKernel - 1;
    __shared__ V weights[kTaps][kLanes];

    int strips_down = (c.height - 1) / kRows + 1, strips_across = (c.width - 1) / kStripColumns + 1;
    StripTask task = strip_task<kStripVector>(c.batch, c.channels, strips_down, strips_across, across);
    int lane = threadIdx.x % kLanes;
    if (task.channel < c.channels) {
        for (int tap = threadIdx.x / kLanes; tap < kTaps; tap += kStripThreads / kLanes) {
            // Both axes flipped: the taps in the opposite order.
            int from = is_flipped ? kTaps - 1 - tap : tap;
            weights[tap][lane] = V::load(w + static_cast<long long>(from) * c.channels + task.channel);
        }
    }
    __syncthreads();
    if (!task.exists) return;

    int first_row = task.row * kRows, first_column = task.column * kStripColumns;
    int rows = min(kRows, c.height - first_row);
    unsigned inside = 0;  // a bit for each column of S
#pragma unroll
    for (int column = 0; column < kLoaded; ++column) {
        int v = first_column + column - c.before_width;
        if (0 <= v && v < c.source_width) inside |= 1u << column;
    }

    V sum[kRows][kStripColumns];
#pragma unroll
    for (int t = 0; t < kRows; ++t) {
#pragma unroll
        for (int k = 0; k < kStripColumns; ++k) sum[t][k] = V::zero();
    }
    // One row at a time, or the loads of all would want registers at once.
#pragma unroll 1
    for (int r = 0; r < rows + kKernel - 1; ++r) {
        int u = first_row + r - c.before_height;
        if (u < 0 || u >= c.source_height) continue;
        long long pixel = (static_cast<long long>(task.image) * c.source_height + u) * c.source_width + first_column;
        const Real* from = source + (pixel - c.before_width) * c.channels + task.channel;
        V row[kLoaded];
#pragma unroll
        for (int column = 0; column < kLoaded; ++column, from += c.channels) {
            row[column] = inside >> column & 1 ? V::load(from) : V::zero();
        }
#pragma unroll
        for (int t = 0; t < kRows; ++t) {
            int m = r - t;
            if (t >= rows || m < 0 || m >= kKernel) continue;
#pragma unroll
            for (int n = 0; n < kKernel; ++n) {
                V weight = weights[m * kKernel + n][lane];
#pragma unroll
                for (int k = 0; k < kStripColumns; ++k) sum[t][k].add_product(row[k + n], weight);
            }
        }
    }

#pragma unroll
    for (int t = 0; t < kRows; ++t) {
        if (t >= rows) break;
        long long pixel = (static_cast<long long>(task.image) * c.height + first_row + t) * c.width + first_column;
        Real* to = result + pixel * c.channels + task.channel;
#pragma unroll
        for (int k = 0; k < kStripColumns; ++k, to += c.channels) {
            if (first_column + k < c.width) sum[t][k].store(to);
        }
    }
}
