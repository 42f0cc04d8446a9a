// Forward pass, directly: one thread an output element, which adds up its own terms.
//
//     Y[i,j,k,l] = sum over (m,n,p) of X[i, y(j,m), x(k,n), g(l) c_in/g + p] W[m,n,p,l]        terms outside X are zero
//
// Napkin: every multiply-add reads two elements and keeps none. A warp's 32 output channels of one pixel share the
// element of X (one broadcast) and read 32 neighbours of W, so a term of a warp costs two loads of L1 for 32
// multiply-adds. A multiprocessor loads for one warp a cycle and could multiply-add for four, so even with every load a
// hit, eight in nine of its multiply-adds are lost. This is the foot of the ladder, which tiles climb from.
#include "precision.cuh"
#include "problem.cuh"

template <typename Real>
__global__ void direct_forward(const Real* __restrict__ x, const Real* __restrict__ w, Real* __restrict__ y,
                               Problem p) {
    using P = Precision<Real>;
    int channels = p.c_in_per_group(), columns = p.c_out_per_group();
    long long size = p.output_pixels() * p.c_out;
    long long step = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long e = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; e < size; e += step) {
        long long number = e / p.c_out;
        int l = static_cast<int>(e - number * p.c_out);
        Pixel output = pixel_of(number, p.out_height, p.out_width);
        typename P::Sum sum = 0;
        for (int m = 0; m < p.kernel_height; ++m) {
            for (int n = 0; n < p.kernel_width; ++n) {
                long long pixel = input_pixel(p, output, {m, n, 0});
                if (pixel < 0) continue;
                const Real* of_x = x + pixel * p.c_in + l / columns * channels;
                const Real* of_w = w + static_cast<long long>(m * p.kernel_width + n) * channels * p.c_out + l;
                for (int q = 0; q < channels; ++q) {
                    sum += P::load(of_x[q]) * P::load(of_w[static_cast<long long>(q) * p.c_out]);
                }
            }
        }
        y[e] = P::store(sum);
    }
}
