// Gradient by W with up to four input or output channels a group: a sum over all output pixels, split among blocks.
//
//     dW[m,n,p,l] = sum over (i,j,k) of X[i, y(j,m), x(k,n), g(l) c_in/g + p] G[i,j,k,l]
//                   terms outside X are zero
//
// A block goes through its share of the tiles of output pixels. For each it stages the pixels of X that their windows
// share, once for all taps, and G; its threads add up in registers. Each writes a partial dW, and sum_splits adds these
// in a fixed order. No atomics: the same result at every run.
#include "few_channels.cuh"

// A tile of output pixels, by its number among those of all images.
__device__ inline FewTask weight_tile(const Problem& p, long long number, int tile_height, int tile_width) {
    return few_task(number, (p.out_width - 1) / tile_width + 1, (p.out_height - 1) / tile_height + 1, p.batch, 1);
}

// Few input channels. A block has kColumns output channels of a group and rows (m,n,p) of dW: a worker, eight threads,
// has eight rows, each of its threads all of them in two runs of four channels. Where fewer than 16 workers have a row,
// several share the pixels of a tile. partial: [splits * parts, a_h, a_w, c_in/g, c_out], in the type of the sums;
// tiles_each: how many tiles a split adds.
// Napkin, 7x7, 3 -> 64, in float: for an output pixel a thread reads 8 elements of X and 2 runs of G from shared memory
// for 64 multiply-adds, with addresses about 90 instructions: 0.7 of what the schedulers could issue. 147 rows are 19
// workers, ten of 16 in each of two blocks. 3x3, 3 -> 64: 27 rows are four workers, and four parts of the pixels.
template <typename Real>
__global__ void __launch_bounds__(kThreads, 2)
    few_inputs_grad_weight(const Real* __restrict__ gy, const Real* __restrict__ x,
                           typename Precision<Real>::Sum* __restrict__ partial, Problem p, int tile_height,
                           int tile_width, long long tiles_each) {
    using Sum = typename Precision<Real>::Sum;
    using V = Channels<Real, kFew>;
    constexpr int kAcross = kColumns / (2 * kFew), kWorkers = kThreads / kAcross, kRows = 8;
    __shared__ V patch[Room<Real>::kPatch];
    __shared__ V of_gy[Room<Real>::kPixels / 2][kColumns / kFew];

    int few = p.c_in_per_group(), many = p.c_out_per_group(), rows = p.taps() * few;
    int eights = (rows - 1) / kRows + 1, at_once = min(eights, kWorkers), parts = kWorkers / at_once;
    FewTask task = few_task(blockIdx.x, (many - 1) / kColumns + 1, (eights - 1) / at_once + 1, p.groups, 1);
    int group = task.image, first_channel = task.across * kColumns, split = static_cast<int>(task.rest);
    int of_channels = threadIdx.x % kAcross, worker = threadIdx.x / kAcross, part = worker / at_once;
    int first_row = (task.down * at_once + worker % at_once) * kRows;
    bool works = part < parts && first_row < rows;
    int patch_width = reading_across(p, 0, tile_width).patch;
    int places[kRows];
    V sum[kRows][2];
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
        Tap tap = tap_of(first_row + r < rows ? first_row + r : 0, p.kernel_width, few);
        places[r] = (tap.m * p.dilation_height * patch_width + tap.n * p.dilation_width) * kFew + tap.channel;
        sum[r][0] = sum[r][1] = V::zero();
    }

    long long tiles = static_cast<long long>(p.batch) * ((p.out_height - 1) / tile_height + 1) *
                      ((p.out_width - 1) / tile_width + 1);
    long long end = min((split + 1) * tiles_each, tiles);
    bool x_aligned = few == kFew && p.c_in % kFew == 0, gy_aligned = many % kFew == 0;
    for (long long number = split * tiles_each; number < end; ++number) {
        FewTask tile = weight_tile(p, number, tile_height, tile_width);
        Axis down = reading_down(p, tile.down, tile_height), across = reading_across(p, tile.across, tile_width);
        int pixels = down.count * across.count;
        __syncthreads();
        stage_patch<Real, 1>(patch, 0,
                             x + static_cast<long long>(tile.image) * p.height * p.width * p.c_in + group * few, down,
                             across, few, p.c_in, x_aligned);
        const Real* image = gy + static_cast<long long>(tile.image) * p.out_height * p.out_width * p.c_out;
        for (int e = threadIdx.x; e < pixels * (kColumns / kFew); e += kThreads) {
            int pixel = e / (kColumns / kFew), run = e % (kColumns / kFew), channel = first_channel + run * kFew;
            long long from = result_pixel(pixel / across.count, pixel % across.count, down, across, p.out_width);
            of_gy[pixel][run] =
                some_channels(image + from * p.c_out + group * many + channel, many - channel, gy_aligned);
        }
        __syncthreads();
        if (!works) continue;
        int a = part / across.count, b = part % across.count;
        for (int pixel = part; pixel < pixels; pixel += parts) {
            const Sum* window = patch[a * p.stride_height * patch_width + b * p.stride_width].of;
            V right[2] = {of_gy[pixel][of_channels], of_gy[pixel][of_channels + kAcross]};
#pragma unroll
            for (int r = 0; r < kRows; ++r) {
                Sum left = window[places[r]];
                sum[r][0].add_multiple(left, right[0]);
                sum[r][1].add_multiple(left, right[1]);
            }
            for (b += parts; b >= across.count; b -= across.count) ++a;
        }
    }
    if (!works) return;

    Sum* result = partial + (static_cast<long long>(split) * parts + part) * rows * p.c_out + group * many;
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
        if (first_row + r >= rows) break;
        Sum* row = result + static_cast<long long>(first_row + r) * p.c_out;
#pragma unroll
        for (int v = 0; v < 2 * kFew; ++v) {
            int channel = first_channel + (of_channels + v / kFew * kAcross) * kFew + v % kFew;
            if (channel < many) row[channel] = sum[r][v / kFew].of[v % kFew];
        }
    }
}

// Few output channels. A block has two runs of four input channels of a group and up to 128 taps; a thread one tap in
// all of these channels and all output channels, for every parts-th pixel of a tile. partial and tiles_each: as above.
// Napkin, 3x3, 128 -> 3, in float: a pixel costs a thread three loads of 16 bytes for 32 multiply-adds, which are 8
// cycles of a multiprocessor's schedulers for a warp. Its lanes read nine taps of four pixels, some of them in the same
// banks: shared memory takes 4 to 8 cycles a load, and binds.
template <typename Real>
__global__ void __launch_bounds__(kThreads, 2)
    few_outputs_grad_weight(const Real* __restrict__ gy, const Real* __restrict__ x,
                            typename Precision<Real>::Sum* __restrict__ partial, Problem p, int tile_height,
                            int tile_width, long long tiles_each) {
    using V = Channels<Real, kFew>;
    constexpr int kPitch = Room<Real>::kWidePatch + kFew;
    __shared__ V patch[kRuns * kPitch];
    __shared__ V of_gy[Room<Real>::kWidePixels / 2];

    int many = p.c_in_per_group(), few = p.c_out_per_group(), taps = p.taps();
    int at_once = min(taps, kThreads), parts = kThreads / at_once;
    FewTask task = few_task(blockIdx.x, (many - 1) / (kRuns * kFew) + 1, (taps - 1) / at_once + 1, p.groups, 1);
    int group = task.image, first_channel = task.across * kRuns * kFew, split = static_cast<int>(task.rest);
    int tap = task.down * at_once + threadIdx.x % at_once, part = threadIdx.x / at_once;
    bool works = part < parts && tap < taps;
    int patch_width = reading_across(p, 0, tile_width).patch;
    int place = works ? tap / p.kernel_width * p.dilation_height * patch_width +
                            tap % p.kernel_width * p.dilation_width
                      : 0;
    V sum[kRuns * kFew];
#pragma unroll
    for (int c = 0; c < kRuns * kFew; ++c) sum[c] = V::zero();

    long long tiles = static_cast<long long>(p.batch) * ((p.out_height - 1) / tile_height + 1) *
                      ((p.out_width - 1) / tile_width + 1);
    long long end = min((split + 1) * tiles_each, tiles);
    bool x_aligned = many % kFew == 0, gy_aligned = few == kFew;
    for (long long number = split * tiles_each; number < end; ++number) {
        FewTask tile = weight_tile(p, number, tile_height, tile_width);
        Axis down = reading_down(p, tile.down, tile_height), across = reading_across(p, tile.across, tile_width);
        int pixels = down.count * across.count;
        __syncthreads();
        const Real* of_x = x + static_cast<long long>(tile.image) * p.height * p.width * p.c_in;
        stage_patch<Real, kRuns>(patch, kPitch, of_x + group * many + first_channel, down, across,
                                 many - first_channel, p.c_in, x_aligned);
        const Real* image = gy + static_cast<long long>(tile.image) * p.out_height * p.out_width * p.c_out;
        for (int pixel = threadIdx.x; pixel < pixels; pixel += kThreads) {
            long long from = result_pixel(pixel / across.count, pixel % across.count, down, across, p.out_width);
            of_gy[pixel] = some_channels(image + from * p.c_out + group * few, few, gy_aligned);
        }
        __syncthreads();
        if (!works) continue;
        int a = part / across.count, b = part % across.count;
        for (int pixel = part; pixel < pixels; pixel += parts) {
            const V* window = patch + a * p.stride_height * patch_width + b * p.stride_width + place;
            V right = of_gy[pixel];
#pragma unroll
            for (int run = 0; run < kRuns; ++run) {
                V left = window[run * kPitch];
#pragma unroll
                for (int c = 0; c < kFew; ++c) sum[run * kFew + c].add_multiple(left.of[c], right);
            }
            for (b += parts; b >= across.count; b -= across.count) ++a;
        }
    }
    if (!works) return;

    long long row = (static_cast<long long>(split) * parts + part) * taps + tap;
#pragma unroll
    for (int c = 0; c < kRuns * kFew; ++c) {
        if (first_channel + c >= many) break;
        auto* result = partial + (row * many + first_channel + c) * p.c_out + group * few;
#pragma unroll
        for (int f = 0; f < kFew; ++f) {
            if (f < few) result[f] = sum[c].of[f];
        }
    }
}
