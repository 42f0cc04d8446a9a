// From few channels to many: the forward pass of a first layer, and the gradient by X of a last one.
//
//     D[pixel, c] = sum over (m,n) and f < few of S[the pixel that (m,n) meets, f] V[(m,n), f, c]
//
// A block has a tile of 128 pixels in 64 channels, and a thread 8 x 8 of them. It stages what the windows of the tile
// read once, in four channels, and the weights in slices.
// Napkin, 7x7 at stride 2, 3 -> 64, in float: for each tap a thread reads 8 pixels and 3 x 2 runs of four weights from
// shared memory, 14 loads of 16 bytes, for 3 * 64 = 192 multiply-adds: with about 30 other instructions, 0.8 of the
// multiply-adds that the schedulers could issue. The lanes of a warp read 4 pixels and 8 runs of weights: each load is
// a cycle of shared memory, 14 where a warp's multiply-adds are 48 cycles of four schedulers.
// Memory: a tile of 8 x 16 reads 21 x 37 pixels of X and writes 128 * 64 elements of Y. K = 147 makes 37 multiply-adds
// for a byte of Y, of which an H200 has 8 in that time: bound by arithmetic in float, as K = 48 is with 12; 3x3, K =
// 27, is bound by memory and arithmetic alike.
#pragma once

#include "few_channels.cuh"

// Where the weight of a tap, a few and a many channel lies, in elements.
struct WeightStrides {
    long long tap, few, many;
};

// source, result: one image, from the group's first channel, and of the result the block's first, on. many: how many of
// the group's channels begin there. *_channels: of all groups.
template <typename Real>
__device__ inline void few_to_many(const Real* __restrict__ source, const Real* __restrict__ w,
                                   Real* __restrict__ result, const Axis& down, const Axis& across, int tile_width,
                                   int kernel_width, int taps, int few, int source_channels, int many,
                                   int result_width, int result_channels, WeightStrides strides) {
    using P = Precision<Real>;
    using V = Channels<Real, kFew>;
    constexpr int kAcross = kColumns / (2 * kFew), kDown = kThreads / kAcross, kPixels = Room<Real>::kPixels / kDown;
    __shared__ V patch[Room<Real>::kPatch];
    __shared__ V weights[Room<Real>::kSlice][kColumns / kFew];
    __shared__ int offsets[Room<Real>::kSlice];

    stage_patch<Real, 1>(patch, 0, source, down, across, few, source_channels,
                         few == kFew && source_channels % kFew == 0);

    // A thread's pixels lie kDown apart, and its channels in two runs, so that neighbours read neighbours.
    int of_channels = threadIdx.x % kAcross, of_pixels = threadIdx.x / kAcross;
    int places[kPixels];
    V sum[kPixels][2];
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
        places[i] = place_in_patch(of_pixels + i * kDown, tile_width, down, across);
        sum[i][0] = sum[i][1] = V::zero();
    }

    // A small image, or the last channels, leave threads without work; they only help to stage.
    bool works = of_pixels / tile_width < down.count && of_channels * kFew < many;
    int taps_each = Room<Real>::kSlice / few;
    for (int first_tap = 0; first_tap < taps; first_tap += taps_each) {
        int staged = min(taps_each, taps - first_tap);
        __syncthreads();
        for (int e = threadIdx.x; e < staged * few * kColumns; e += kThreads) {
            int row = e / kColumns, column = e % kColumns;
            const Real* from = w + (first_tap + row / few) * strides.tap + row % few * strides.few;
            auto value = column < many ? P::load(from[column * strides.many]) : typename P::Sum(0);
            weights[row][column / kFew].of[column % kFew] = value;
        }
        stage_offsets(offsets, staged, first_tap, kernel_width, down, across);
        __syncthreads();
        for (int t = 0; works && t < staged; ++t) {
            int offset = offsets[t];
            if (offset < 0) continue;
            V pixel[kPixels];
#pragma unroll
            for (int i = 0; i < kPixels; ++i) pixel[i] = patch[places[i] + offset];
#pragma unroll
            for (int f = 0; f < kFew; ++f) {
                if (f >= few) break;
                V weight[2] = {weights[t * few + f][of_channels], weights[t * few + f][of_channels + kAcross]};
#pragma unroll
                for (int i = 0; i < kPixels; ++i) {
                    sum[i][0].add_multiple(pixel[i].of[f], weight[0]);
                    sum[i][1].add_multiple(pixel[i].of[f], weight[1]);
                }
            }
        }
    }

    bool is_aligned = result_channels % kFew == 0 && many % kFew == 0;
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
        int pixel = of_pixels + i * kDown, a = pixel / tile_width, b = pixel % tile_width;
        if (a >= down.count || b >= across.count) continue;
        Real* to = result + result_pixel(a, b, down, across, result_width) * result_channels;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            int channel = (of_channels + half * kAcross) * kFew;
            store_some(sum[i][half], to + channel, many - channel, is_aligned);
        }
    }
}
