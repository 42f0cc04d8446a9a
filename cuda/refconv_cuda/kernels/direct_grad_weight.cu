// Gradient by W, directly: one thread a weight, which adds up over all pixels.
//
//     dW[m,n,p,l] = sum over (i,j,k) of X[i, y(j,m), x(k,n), g(l) c_in/g + p] G[i,j,k,l]
//                   terms outside X are zero
//
// Napkin: as many threads as weights, each with b out_h out_w terms in a row. The first layer of a ResNet has 9,408
// weights, 71 threads for each of 132 multiprocessors that could hold 2,048, and three million terms each. What this
// lacks is what the other kernels add: splits of the sum, and operands that are read once for many weights.
#include "precision.cuh"
#include "problem.cuh"

template <typename Real>
__global__ void direct_grad_weight(const Real* __restrict__ gy, const Real* __restrict__ x, Real* __restrict__ gw,
                                   Problem p) {
    using P = Precision<Real>;
    int channels = p.c_in_per_group(), columns = p.c_out_per_group();
    long long size = static_cast<long long>(p.taps()) * channels * p.c_out;
    long long step = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long e = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; e < size; e += step) {
        int row = static_cast<int>(e / p.c_out);
        int l = static_cast<int>(e - static_cast<long long>(row) * p.c_out);
        Tap tap = tap_of(row, p.kernel_width, channels);
        const Real* of_x = x + l / columns * channels + tap.channel;
        const Real* of_gy = gy + l;
        typename P::Sum sum = 0;
        for (int i = 0; i < p.batch; ++i) {
            for (int j = 0; j < p.out_height; ++j) {
                for (int k = 0; k < p.out_width; ++k, of_gy += p.c_out) {
                    long long pixel = input_pixel(p, {i, j, k}, tap);
                    if (pixel >= 0) sum += P::load(of_x[pixel * p.c_in]) * P::load(*of_gy);
                }
            }
        }
        gw[e] = P::store(sum);
    }
}
