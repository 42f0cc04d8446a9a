// im2col: the receptive field of each output pixel as a row of a matrix, one matrix per group.
//
//     columns[g, (i,j,k), (m,n,p)] = X[i, y(j,m), x(k,n), g c_in/g + p]        zero outside the image
//
// One thread an entry; neighbouring threads write neighbouring entries and read neighbouring channels.
// Napkin: each input element is read a_h a_w / (s_h s_w) times, from L2 at best, and written as often: for a 3x3
// kernel the columns are nine times X, and the matrix product reads them again. That traffic, not the arithmetic,
// is what an implicit GEMM saves.
#include "problem.cuh"

template <typename Real>
__global__ void im2col(const Real* __restrict__ x, Real* __restrict__ columns, Problem p) {
    int channels = p.c_in_per_group();
    int row_length = p.taps() * channels;
    long long pixels = p.output_pixels();
    long long size = p.groups * pixels * row_length;
    long long step = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long e = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; e < size; e += step) {
        long long row = e / row_length;
        Tap tap = tap_of(static_cast<int>(e - row * row_length), p.kernel_width, channels);
        int group = static_cast<int>(row / pixels);
        Pixel output = pixel_of(row - group * pixels, p.out_height, p.out_width);
        long long pixel = input_pixel(p, output, tap);
        columns[e] = pixel < 0 ? Real(0) : x[pixel * p.c_in + group * channels + tap.channel];
    }
}
