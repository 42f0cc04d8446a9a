// col2im: the adjoint of im2col. Each input element gathers the column entries that im2col read from it.
//
//     X[i,u,v,q] = sum over taps (m,n) of columns[g(q), (i,j,k), (m,n,p(q))]
//     j = (u + top - m d_h)/s_h, k = (v + left - n d_w)/s_w, where both are whole and inside the output
//
// One thread an input element, which owns its sum: no atomics, so the result is the same at every run.
// Napkin: of the a_h a_w taps only about a_h a_w / (s_h s_w) contribute; the others cost a division each.
#include "problem.cuh"

template <typename Real>
__global__ void col2im(const Real* __restrict__ columns, Real* __restrict__ x, Problem p) {
    int channels = p.c_in_per_group();
    long long pixels = p.output_pixels();
    long long size = p.input_pixels() * p.c_in;
    long long step = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long e = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; e < size; e += step) {
        long long number = e / p.c_in;
        int q = static_cast<int>(e - number * p.c_in);
        Pixel input = pixel_of(number, p.height, p.width);
        const Real* matrix = columns + q / channels * pixels * p.taps() * channels;
        Real sum = 0;
        for (int m = 0; m < p.kernel_height; ++m) {
            for (int n = 0; n < p.kernel_width; ++n) {
                long long pixel = output_pixel(p, input, {m, n, 0});
                if (pixel < 0) continue;
                sum += matrix[(pixel * p.taps() + m * p.kernel_width + n) * channels + q % channels];
            }
        }
        x[e] = sum;
    }
}
