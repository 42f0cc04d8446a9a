// Depthwise forward pass: each output channel reads the one input channel of its group.
//
//     Y[i,j,k,l] = sum over (m,n) of X[i, y(j,m), x(k,n), l / q] W[m,n,0,l]        terms outside X are zero
//     q = c_out / c_in
//
// There is nothing to share between channels, so there is no matrix product: X and Y are moved once, and the kernel is
// as fast as memory if no element of X comes from there twice. Channels lie across the lanes, as they do in memory.
#include "depthwise_strip.cuh"

// Any kernel, stride, dilation and q: a thread has four neighbouring pixels of one row in kVector channels; more than
// one only where q = 1 and they are aligned.
// Napkin, 3x3 at stride 2 in float: an output element and its four of X are 20 bytes, or 540 cycles for the 512 results
// of a warp. A tap costs a thread five loads of 16 bytes and about 100 instructions for its four pixels: nine taps are
// 180 cycles of L1 and 225 of the schedulers. Bound by memory.
template <typename Real, int kVector>
__global__ void __launch_bounds__(kThreads, 2)
    depthwise_forward(const Real* __restrict__ x, const Real* __restrict__ w, Real* __restrict__ y, Problem p,
                      int across) {
    using V = Channels<Real, kVector>;
    constexpr int kPixels = 4;
    int strips = (p.out_width - 1) / kPixels + 1, multiplier = p.c_out / p.c_in;
    StripTask task = strip_task<kVector>(p.batch, p.c_out, p.out_height, strips, across);
    if (!task.exists) return;

    int first = task.column * kPixels, pixels = min(kPixels, p.out_width - first);
    const Real* of_x = x + static_cast<long long>(task.image) * p.height * p.width * p.c_in + task.channel / multiplier;
    const Real* of_w = w + task.channel;
    V sum[kPixels];
#pragma unroll
    for (int k = 0; k < kPixels; ++k) sum[k] = V::zero();
    for (int m = 0; m < p.kernel_height; ++m) {
        int u = task.row * p.stride_height + m * p.dilation_height - p.pad_top;
        if (u < 0 || u >= p.height) continue;
        const Real* row = of_x + static_cast<long long>(u) * p.width * p.c_in;
        for (int n = 0; n < p.kernel_width; ++n) {
            V weight = V::load(of_w + static_cast<long long>(m * p.kernel_width + n) * p.c_out);
#pragma unroll
            for (int k = 0; k < kPixels; ++k) {
                if (k >= pixels) break;
                int v = (first + k) * p.stride_width + n * p.dilation_width - p.pad_left;
                if (v < 0 || v >= p.width) continue;
                sum[k].add_product(V::load(row + static_cast<long long>(v) * p.c_in), weight);
            }
        }
    }

    long long pixel = (static_cast<long long>(task.image) * p.out_height + task.row) * p.out_width + first;
    Real* to = y + pixel * p.c_out + task.channel;
#pragma unroll
    for (int k = 0; k < kPixels; ++k, to += p.c_out) {
        if (k < pixels) sum[k].store(to);
    }
}

// A kKernel x kKernel kernel, stride 1, dilation 1, q = 1 and channels in multiples of four.
template <typename Real, int kKernel>
__global__ void __launch_bounds__(kStripThreads, strip_blocks(kKernel))
    depthwise_forward_strip(const Real* __restrict__ x, const Real* __restrict__ w, Real* __restrict__ y, Problem p,
                            int across) {
    Correlation c = {p.batch,      p.c_in,      p.height,  p.width,
                     p.out_height, p.out_width, p.pad_top, p.pad_left};
    correlate_strip<Real, kKernel>(x, w, y, c, across, false);
}
