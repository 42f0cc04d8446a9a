// From many channels to few: the forward pass of a last layer, and the gradient by X of a first one.
//
//     D[pixel, f] = sum over (m,n) and c of S[the pixel that (m,n) meets, c] V[(m,n), f, c]        for f < few
//
// A block has a tile of up to 512 pixels, a thread four of them in all of the few channels. What the windows of the
// tile read is staged eight channels at a time, whole sectors of float, and used by all taps before the next eight.
// Napkin, 3x3, 128 -> 3, in float: S is read 34 * 18 / (32 * 16) = 1.2 times. A tap and run of four channels costs a
// warp 4 loads of its pixels, 16 cycles of shared memory, and 4 of weights that all lanes share, for 64 multiply-adds,
// which are 16 cycles of four schedulers. Shared memory binds: 9 taps of 128 channels of a warp's 128 pixels are 5,800
// cycles, in which memory could move 110 KB; the 128 pixels are 67 KB. About 0.6 of the memory roofline. An implicit
// GEMM whose tile is 64 columns wide multiplies 21 times as much as it must.
#pragma once

#include "few_channels.cuh"
#include "few_to_many.cuh"

template <typename Real>
__device__ inline void many_to_few(const Real* __restrict__ source, const Real* __restrict__ w,
                                   Real* __restrict__ result, const Axis& down, const Axis& across, int tile_width,
                                   int kernel_width, int taps, int many, int source_channels, int few,
                                   int result_width, int result_channels, WeightStrides strides) {
    using P = Precision<Real>;
    using V = Channels<Real, kFew>;
    constexpr int kPixels = Room<Real>::kWidePixels / kThreads, kSlice = Room<Real>::kSlice;
    constexpr int kPitch = Room<Real>::kWidePatch + kFew;  // the runs of a pixel in different banks
    __shared__ V patch[kRuns * kPitch];
    __shared__ V weights[kSlice][kRuns * kFew];
    __shared__ int offsets[kSlice];

    int places[kPixels];
    V sum[kPixels];
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
        places[i] = place_in_patch(threadIdx.x + i * kThreads, tile_width, down, across);
        sum[i] = V::zero();
    }

    bool works = static_cast<int>(threadIdx.x) / tile_width < down.count;
    bool is_aligned = source_channels % kFew == 0 && many % kFew == 0;
    for (int first = 0; first < many; first += kRuns * kFew) {
        for (int first_tap = 0; first_tap < taps; first_tap += kSlice) {
            int staged = min(kSlice, taps - first_tap);
            __syncthreads();
            if (first_tap == 0) {
                stage_patch<Real, kRuns>(patch, kPitch, source + first, down, across, many - first, source_channels,
                                         is_aligned);
            }
            for (int e = threadIdx.x; e < staged * kRuns * kFew * kFew; e += kThreads) {
                int f = e % kFew, c = e / kFew % (kRuns * kFew), t = e / (kFew * kRuns * kFew);
                const Real* from = w + (first_tap + t) * strides.tap + f * strides.few + (first + c) * strides.many;
                weights[t][c].of[f] = f < few && first + c < many ? P::load(*from) : typename P::Sum(0);
            }
            stage_offsets(offsets, staged, first_tap, kernel_width, down, across);
            __syncthreads();
            for (int t = 0; works && t < staged; ++t) {
                int offset = offsets[t];
                if (offset < 0) continue;
#pragma unroll
                for (int run = 0; run < kRuns; ++run) {
                    V weight[kFew];
#pragma unroll
                    for (int c = 0; c < kFew; ++c) weight[c] = weights[t][run * kFew + c];
#pragma unroll
                    for (int i = 0; i < kPixels; ++i) {
                        V pixel = patch[run * kPitch + places[i] + offset];
#pragma unroll
                        for (int c = 0; c < kFew; ++c) sum[i].add_multiple(pixel.of[c], weight[c]);
                    }
                }
            }
        }
    }

#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
        int pixel = threadIdx.x + i * kThreads, a = pixel / tile_width, b = pixel % tile_width;
        if (a >= down.count || b >= across.count) continue;
        Real* to = result + result_pixel(a, b, down, across, result_width) * result_channels;
        store_some(sum[i], to, few, few == kFew && result_channels % kFew == 0);
    }
}
