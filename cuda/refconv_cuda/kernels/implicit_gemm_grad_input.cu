// Gradient by X as an implicit GEMM over input pixels: every input element owns its sum, so there are no atomics.
//
//     dX[(i,u,v), q] = sum over (m,n,l) of A[(i,u,v), (m,n,l)] B[(m,n,l), q]
//     A[(i,u,v), (m,n,l)] = G[i, (u + top - m d_h)/s_h, (v + left - n d_w)/s_w, g c_out/g + l]
//                           zero where a quotient is not whole or not inside G
//     B[(m,n,l), q] = W[m, n, q, g c_out/g + l]
//
// One product per group. Rows: b h w input pixels; columns: c_in/g; terms: a_h a_w c_out/g.
// Napkin: with stride s only one in s_h s_w terms is not zero, so a strided gradient wastes the rest of its
// multiply-adds; splitting the pixels by their remainders would save them.
#include "problem.cuh"
#include "tile.cuh"

template <typename Real, int kM, int kN, int kK, int kRowsEach, int kColumnsEach>
__global__ void __launch_bounds__((kM / kRowsEach) * (kN / kColumnsEach))
    implicit_gemm_grad_input(const Real* __restrict__ gy, const Real* __restrict__ w, Real* __restrict__ gx,
                             Problem p) {
    using P = Precision<Real>;
    using Sum = typename P::Sum;
    using T = Tile<Real, kM, kN, kK, kRowsEach, kColumnsEach>;
    __shared__ typename T::SliceA a;
    __shared__ typename T::SliceB b;

    long long rows = p.input_pixels();
    int columns = p.c_in_per_group(), channels = p.c_out_per_group(), terms = p.taps() * channels;
    BlockTask task = block_task(divide_up(rows, kM), static_cast<int>(divide_up(columns, kN)), p.groups);
    long long first_row = task.tile_row * kM;
    int first_column = task.tile_column * kN;
    const Real* gy_group = gy + task.group * channels;
    const Real* w_group = w + task.group * channels;

    // A thread stages one term of both slices: neighbours read neighbouring output channels of G and of W.
    int staged_k = threadIdx.x % kK;
    Pixel input[T::kStagedA];
    bool row_exists[T::kStagedA];
#pragma unroll
    for (int s = 0; s < T::kStagedA; ++s) {
        long long row = first_row + threadIdx.x / kK + s * (T::kThreads / kK);
        row_exists[s] = row < rows;
        input[s] = pixel_of(row_exists[s] ? row : 0, p.height, p.width);
    }

    T tile;
    for (int first_k = 0; first_k < terms; first_k += kK) {
        int k = first_k + staged_k;
        Tap tap = tap_of(k, p.kernel_width, channels);
#pragma unroll
        for (int s = 0; s < T::kStagedA; ++s) {
            long long pixel = row_exists[s] && k < terms ? output_pixel(p, input[s], tap) : -1;
            Sum value = pixel < 0 ? Sum(0) : P::load(gy_group[pixel * p.c_out + tap.channel]);
            a[staged_k][threadIdx.x / kK + s * (T::kThreads / kK)] = value;
        }
#pragma unroll
        for (int s = 0; s < T::kStagedB; ++s) {
            int column = threadIdx.x / kK + s * (T::kThreads / kK);
            bool exists = k < terms && first_column + column < columns;
            long long row = static_cast<long long>(tap.m * p.kernel_width + tap.n) * columns + first_column + column;
            b[staged_k][column] = exists ? P::load(w_group[row * p.c_out + tap.channel]) : Sum(0);
        }
        __syncthreads();
        tile.add(a, b);
        __syncthreads();
    }

    for (int r = 0; r < kRowsEach; ++r) {
        for (int c = 0; c < kColumnsEach; ++c) {
            long long row = first_row + T::row(r);
            int column = first_column + T::column(c);
            if (row >= rows || column >= columns) continue;
            gx[row * p.c_in + task.group * columns + column] = P::store(tile.sum[r][c]);
        }
    }
}
