// What the kernels for few channels share: how a block's pixels lie to those that it reads, and its patch of these.
//
// With up to four channels on one side the matrix product of an implicit GEMM is too narrow for its tiles. Here a block
// takes a tile of pixels and stages all that their windows read, once for all taps, in shared memory.
#pragma once

#include "channels.cuh"
#include "problem.cuh"

constexpr int kFew = 4;        // the few channels, filled up: one 16-byte load of float
constexpr int kRuns = 2;       // of kFew channels: what a block stages at once of many, whole sectors of float
constexpr int kColumns = 64;   // of many channels: what a block computes
constexpr int kThreads = 128;

// How much of a block there is room for, by the type of the sums: of double, half as much as of float. No kernel takes
// more than the 48 KB of shared memory that a block may have anywhere.
template <typename Real>
struct Room {
    static constexpr int kShare = sizeof(typename Precision<Real>::Sum) / 4;
    static constexpr int kPixels = 128 / kShare;      // of a tile whose results have many channels
    static constexpr int kPatch = 2048 / kShare;      // pixels of its patch, in a run of channels
    static constexpr int kWidePixels = 512 / kShare;  // of a tile whose results have few channels
    static constexpr int kWidePatch = 1020 / kShare;  // pixels of its patch, in two runs
    static constexpr int kSlice = 32 / kShare;        // rows of weights at once
};

// One axis of a block. It computes pixels first + a * spacing for a < count, and stages source[origin] up to
// source[origin + patch - 1]. Pixel a meets tap m at position a * step + (base + m * slope) / divisor - shift of the
// patch, if that quotient is whole; else not at all.
struct Axis {
    int first, spacing, count;
    int source, origin, patch, step;
    int base, slope, divisor, shift;

    __device__ bool meets(int m) const { return (base + m * slope) % divisor == 0; }
    __device__ int position(int m) const { return (base + m * slope) / divisor - shift; }
};

// Pixels of the output, which read the input: y(j, m) = j s + m d - before.
__device__ inline Axis reading_axis(int number, int tile, int pixels, int source, int kernel, int stride, int dilation,
                                    int before) {
    int first = number * tile;
    int patch = (tile - 1) * stride + (kernel - 1) * dilation + 1;
    return {first, 1, min(tile, pixels - first), source, first * stride - before, patch, stride, 0, dilation, 1, 0};
}

__device__ inline Axis reading_down(const Problem& p, int number, int tile) {
    return reading_axis(number, tile, p.out_height, p.height, p.kernel_height, p.stride_height, p.dilation_height,
                        p.pad_top);
}

__device__ inline Axis reading_across(const Problem& p, int number, int tile) {
    return reading_axis(number, tile, p.out_width, p.width, p.kernel_width, p.stride_width, p.dilation_width,
                        p.pad_left);
}

// Pixels of the input, which gather from the output, j = (u + before - m d) / s. A tile holds pixels a stride apart, so
// that a tap reaches all of them or none: the tiles of one remainder after another.
__device__ inline Axis gathering_axis(int number, int tile, int pixels, int source, int kernel, int stride,
                                      int dilation, int before) {
    int classes = min(stride, pixels), remainder = number % classes, skipped = number / classes * tile;
    int first = skipped * stride + remainder;
    int lowest = remainder + before - (kernel - 1) * dilation;
    int shift = lowest < 0 ? -(-lowest / stride) : (lowest + stride - 1) / stride;
    return {first,
            stride,
            first < pixels ? min(tile, (pixels - 1 - first) / stride + 1) : 0,
            source,
            skipped + shift,
            tile + (kernel - 1) * dilation / stride,
            1,
            remainder + before,
            -dilation,
            stride,
            shift};
}

// A block's place: its tile down and across, its image, its group, and what is left of its number.
struct FewTask {
    int across, down, image, group;
    long long rest;
};
__device__ inline FewTask few_task(long long number, int tiles_across, int tiles_down, int batch, int groups) {
    FewTask task;
    task.across = static_cast<int>(number % tiles_across);
    number /= tiles_across;
    task.down = static_cast<int>(number % tiles_down);
    number /= tiles_down;
    task.image = static_cast<int>(number % batch);
    number /= batch;
    task.group = static_cast<int>(number % groups);
    task.rest = number / groups;
    return task;
}

// Where in the patch a tap lies for the tile's first pixel, or -1 if it meets none.
__device__ inline int offset_of_tap(int tap, int kernel_width, const Axis& down, const Axis& across) {
    int m = tap / kernel_width, n = tap % kernel_width;
    return down.meets(m) && across.meets(n) ? down.position(m) * across.patch + across.position(n) : -1;
}

// Those of the taps from first_tap on, one for each of the block's first threads.
__device__ inline void stage_offsets(int* offsets, int staged, int first_tap, int kernel_width, const Axis& down,
                                     const Axis& across) {
    if (threadIdx.x < staged) {
        offsets[threadIdx.x] = offset_of_tap(first_tap + threadIdx.x, kernel_width, down, across);
    }
}

// The number, within its image, of the pixel in row a and column b of the tile.
__device__ inline long long result_pixel(int a, int b, const Axis& down, const Axis& across, int width) {
    long long row = down.first + static_cast<long long>(a) * down.spacing;
    return row * width + across.first + static_cast<long long>(b) * across.spacing;
}

// Where in the patch begins what pixel number `pixel` of the tile reads; somewhere inside where there is no such pixel.
__device__ inline int place_in_patch(int pixel, int tile_width, const Axis& down, const Axis& across) {
    int a = pixel / tile_width, b = pixel % tile_width;
    bool exists = a < down.count && b < across.count;
    return exists ? a * down.step * across.patch + b * across.step : 0;
}

template <typename Real>
__device__ inline void store_some(const Channels<Real, kFew>& value, Real* to, int left, bool is_aligned) {
    if (is_aligned && left > 0) {
        value.store(to);
        return;
    }
#pragma unroll
    for (int f = 0; f < kFew; ++f) {
        if (f < left) to[f] = Precision<Real>::store(value.of[f]);
    }
}

// Up to kFew neighbouring channels, of which `left` exist; as one access if they are aligned.
template <typename Real>
__device__ inline Channels<Real, kFew> some_channels(const Real* __restrict__ from, int left, bool is_aligned) {
    if (is_aligned && left > 0) return Channels<Real, kFew>::load(from);
    Channels<Real, kFew> value = Channels<Real, kFew>::zero();
#pragma unroll
    for (int f = 0; f < kFew; ++f) {
        if (f < left) value.of[f] = Precision<Real>::load(from[f]);
    }
    return value;
}

// Stages the patch in kEach runs of kFew neighbouring channels, of which `channels` exist; what lies outside the
// source, and channels that there are not, are zeros. source: one image, from the first of these channels on; pitch: of
// the runs in the patch; step: elements from pixel to pixel. Neighbouring threads read neighbouring runs.
template <typename Real, int kEach>
__device__ inline void stage_patch(Channels<Real, kFew>* patch, int pitch, const Real* __restrict__ source,
                                   const Axis& down, const Axis& across, int channels, int step, bool is_aligned) {
    using V = Channels<Real, kFew>;
    for (int e = threadIdx.x; e < down.patch * across.patch * kEach; e += kThreads) {
        int place = e / kEach, run = e % kEach, left = channels - run * kFew;
        int row = down.origin + place / across.patch, column = across.origin + place % across.patch;
        V value = V::zero();
        if (0 <= row && row < down.source && 0 <= column && column < across.source) {
            const Real* from = source + (static_cast<long long>(row) * across.source + column) * step + run * kFew;
            value = some_channels(from, left, is_aligned);
        }
        patch[run * pitch + place] = value;
    }
}
