// Gradient by X, directly: one thread an input element, which gathers its own terms.
//
//     dX[i,u,v,q] = sum over (m,n) and the l of q's group of G[i, (u + top - m d_h)/s_h, (v + left - n d_w)/s_w, l]
//                   W[m,n,p(q),l]        over the taps where both quotients are whole and inside G
//
// A gather and no scatter: an element has one owner, so there are no atomics, and every run adds in the same order.
// Napkin: as in direct_forward.cu, two loads for each multiply-add. Here the 32 input channels of a warp share the
// element of G, but read W a whole row of c_out elements apart: 32 sectors for 32 elements, eight times the traffic.
#include "precision.cuh"
#include "problem.cuh"

template <typename Real>
__global__ void direct_grad_input(const Real* __restrict__ gy, const Real* __restrict__ w, Real* __restrict__ gx,
                                  Problem p) {
    using P = Precision<Real>;
    int channels = p.c_in_per_group(), columns = p.c_out_per_group();
    long long size = p.input_pixels() * p.c_in;
    long long step = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long e = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; e < size; e += step) {
        long long number = e / p.c_in;
        int q = static_cast<int>(e - number * p.c_in);
        int first = q / channels * columns;
        Pixel input = pixel_of(number, p.height, p.width);
        typename P::Sum sum = 0;
        for (int m = 0; m < p.kernel_height; ++m) {
            for (int n = 0; n < p.kernel_width; ++n) {
                long long pixel = output_pixel(p, input, {m, n, 0});
                if (pixel < 0) continue;
                long long row = static_cast<long long>(m * p.kernel_width + n) * channels + q % channels;
                const Real* of_gy = gy + pixel * p.c_out + first;
                const Real* of_w = w + row * p.c_out + first;
                for (int l = 0; l < columns; ++l) sum += P::load(of_gy[l]) * P::load(of_w[l]);
            }
        }
        gx[e] = P::store(sum);
    }
}
