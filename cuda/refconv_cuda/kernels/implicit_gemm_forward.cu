// Forward pass as an implicit GEMM: the matrix product of im2col, whose left operand is never stored.
//
//     Y[(i,j,k), l] = sum over (m,n,p) of A[(i,j,k), (m,n,p)] W[(m,n,p), l]
//     A[(i,j,k), (m,n,p)] = X[i, y(j,m), x(k,n), g c_in/g + p]        zero outside the image
//
// One product per group. Rows: b out_h out_w output pixels; columns: c_out/g; terms: a_h a_w c_in/g.
#include "problem.cuh"
#include "tile.cuh"

template <typename Real, int kM, int kN, int kK, int kRowsEach, int kColumnsEach>
__global__ void __launch_bounds__((kM / kRowsEach) * (kN / kColumnsEach))
    implicit_gemm_forward(const Real* __restrict__ x, const Real* __restrict__ w, Real* __restrict__ y, Problem p) {
    using P = Precision<Real>;
    using Sum = typename P::Sum;
    using T = Tile<Real, kM, kN, kK, kRowsEach, kColumnsEach>;
    __shared__ typename T::SliceA a;
    __shared__ typename T::SliceB b;

    long long rows = p.output_pixels();
    int columns = p.c_out_per_group(), channels = p.c_in_per_group(), terms = p.taps() * channels;
    BlockTask task = block_task(divide_up(rows, kM), static_cast<int>(divide_up(columns, kN)), p.groups);
    long long first_row = task.tile_row * kM;
    int first_column = task.tile_column * kN;
    const Real* x_group = x + task.group * channels;
    const Real* w_group = w + task.group * columns;

    // A thread stages one column of A's slices (neighbours: neighbouring channels) in these rows.
    int staged_k = threadIdx.x % kK;
    Pixel output[T::kStagedA];
    bool row_exists[T::kStagedA];
#pragma unroll
    for (int s = 0; s < T::kStagedA; ++s) {
        long long row = first_row + threadIdx.x / kK + s * (T::kThreads / kK);
        row_exists[s] = row < rows;
        output[s] = pixel_of(row_exists[s] ? row : 0, p.out_height, p.out_width);
    }

    T tile;
    for (int first_k = 0; first_k < terms; first_k += kK) {
        int k = first_k + staged_k;
        Tap tap = tap_of(k, p.kernel_width, channels);
#pragma unroll
        for (int s = 0; s < T::kStagedA; ++s) {
            long long pixel = row_exists[s] && k < terms ? input_pixel(p, output[s], tap) : -1;
            Sum value = pixel < 0 ? Sum(0) : P::load(x_group[pixel * p.c_in + tap.channel]);
            a[staged_k][threadIdx.x / kK + s * (T::kThreads / kK)] = value;
        }
#pragma unroll
        for (int s = 0; s < T::kStagedB; ++s) {
            int slice_k = threadIdx.x / kN + s * (T::kThreads / kN), column = threadIdx.x % kN;
            bool exists = first_k + slice_k < terms && first_column + column < columns;
            long long row = static_cast<long long>(first_k + slice_k) * p.c_out;
            b[slice_k][column] = exists ? P::load(w_group[row + first_column + column]) : Sum(0);
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
            y[row * p.c_out + task.group * columns + column] = P::store(tile.sum[r][c]);
        }
    }
}
