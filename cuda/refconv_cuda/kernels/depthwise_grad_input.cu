// Depthwise gradient by X: each input element gathers from the output pixels that read it.
//
//     dX[i,u,v,c] = sum over (m,n) and e < q of G[i, (u + top - m d_h)/s_h, (v + left - n d_w)/s_w, c q + e]
//                   W[m,n,0,c q + e]        over the taps where both quotients are whole and inside G
//     q = c_out / c_in
//
// At stride 1 this is a correlation like the forward pass, with the kernel flipped (depthwise_strip.cuh).
#include "depthwise_strip.cuh"

// The first tap of `size` whose distance from `offset` the stride divides, or `size`; the next one is a period further.
__device__ inline int first_tap(int offset, int size, int stride, int dilation) {
    int tap = 0;
    while (tap < size && (offset - tap * dilation) % stride != 0) ++tap;
    return tap;
}

// Any kernel, stride, dilation and q. A thread has up to four pixels of one row that lie a stride apart: the same taps
// reach them all, and from neighbouring columns of G, so a weight is loaded once and no tap is tried in vain.
// period: how many taps lie between two that reach the same element, stride / gcd(stride, dilation), down and across.
// Napkin, 3x3 at stride 2 in float: an element of dX and its quarter of G are 5 bytes, or 135 cycles for the 512 of a
// warp. They have 9/4 taps on average, each of about 55 instructions for four pixels in four channels, and a search for
// the first: about 300 instructions, or 75 cycles. Bound by memory.
template <typename Real, int kVector>
__global__ void __launch_bounds__(kThreads, 2)
    depthwise_grad_input(const Real* __restrict__ gy, const Real* __restrict__ w, Real* __restrict__ gx, Problem p,
                         int across, int period_height, int period_width) {
    using V = Channels<Real, kVector>;
    constexpr int kPixels = 4;
    // Columns by their remainder: as many classes as the stride, if the image has so many columns.
    int classes = min(p.stride_width, p.width), multiplier = p.c_out / p.c_in;
    int strips = classes * (((p.width - 1) / p.stride_width) / kPixels + 1);
    StripTask task = strip_task<kVector>(p.batch, p.c_in, p.height, strips, across);
    if (!task.exists) return;
    int first = task.column / classes * kPixels * p.stride_width + task.column % classes;
    if (first >= p.width) return;

    int pixels = min(kPixels, (p.width - 1 - first) / p.stride_width + 1);
    int down = task.row + p.pad_top, right = first + p.pad_left;
    int first_m = first_tap(down, p.kernel_height, p.stride_height, p.dilation_height);
    int first_n = first_tap(right, p.kernel_width, p.stride_width, p.dilation_width);
    long long image = static_cast<long long>(task.image) * p.out_height * p.out_width;
    long long channel = static_cast<long long>(task.channel) * multiplier;
    V sum[kPixels];
#pragma unroll
    for (int k = 0; k < kPixels; ++k) sum[k] = V::zero();
    for (long long m = first_m; m < p.kernel_height; m += period_height) {
        int row = (down - static_cast<int>(m) * p.dilation_height) / p.stride_height;
        if (row < 0 || row >= p.out_height) continue;
        const Real* of_gy = gy + (image + static_cast<long long>(row) * p.out_width) * p.c_out + channel;
        for (long long n = first_n; n < p.kernel_width; n += period_width) {
            int column = (right - static_cast<int>(n) * p.dilation_width) / p.stride_width;
            const Real* of_w = w + (m * p.kernel_width + n) * p.c_out + channel;
#pragma unroll 1
            for (int e = 0; e < multiplier; ++e) {
                V weight = V::load(of_w + e);
#pragma unroll
                for (int k = 0; k < kPixels; ++k) {
                    if (k >= pixels || column + k < 0 || column + k >= p.out_width) continue;
                    sum[k].add_product(V::load(of_gy + static_cast<long long>(column + k) * p.c_out + e), weight);
                }
            }
        }
    }

    long long pixel = (static_cast<long long>(task.image) * p.height + task.row) * p.width + first;
    Real* to = gx + pixel * p.c_in + task.channel;
#pragma unroll
    for (int k = 0; k < kPixels; ++k) {
        if (k < pixels) sum[k].store(to + static_cast<long long>(k) * p.stride_width * p.c_in);
    }
}

// A kKernel x kKernel kernel, stride 1, dilation 1, q = 1 and channels in multiples of four.
template <typename Real, int kKernel>
__global__ void __launch_bounds__(kStripThreads, strip_blocks(kKernel))
    depthwise_grad_input_strip(const Real* __restrict__ gy, const Real* __restrict__ w, Real* __restrict__ gx,
                               Problem p, int across) {
    Correlation c = {p.batch,  p.c_in,  p.out_height,          p.out_width,
                     p.height, p.width, kKernel - 1 - p.pad_top, kKernel - 1 - p.pad_left};
    correlate_strip<Real, kKernel>(gy, w, gx, c, across, true);
}
