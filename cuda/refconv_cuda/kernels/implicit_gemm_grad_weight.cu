// Gradient by W as an implicit GEMM over the output pixels, whose sum may be split among blocks.
//
//     dW[(m,n,p), l] = sum over (i,j,k) of A[(m,n,p), (i,j,k)] G[(i,j,k), l]
//     A[(m,n,p), (i,j,k)] = X[i, y(j,m), x(k,n), g c_in/g + p]        zero outside the image
//
// One product per group. Rows: a_h a_w c_in/g; columns: c_out/g; terms: b out_h out_w.
// Napkin: W is small and the sum is long. A 3x3 kernel on 64 -> 64 channels has 9 tiles of 64x64 for 132
// multiprocessors, so the terms are split; each split writes a partial dW, and sum_splits adds them in a fixed
// order, which keeps the result the same at every run.
#include "problem.cuh"
#include "tile.cuh"

// partial: [splits, a_h, a_w, c_in/g, c_out], in the type of the sums; terms_each: how many terms a split adds, a multiple of kK.
template <typename Real, int kM, int kN, int kK, int kRowsEach, int kColumnsEach>
__global__ void __launch_bounds__((kM / kRowsEach) * (kN / kColumnsEach))
    implicit_gemm_grad_weight(const Real* __restrict__ gy, const Real* __restrict__ x,
                              typename Precision<Real>::Sum* __restrict__ partial, Problem p, long long terms_each) {
    using P = Precision<Real>;
    using Sum = typename P::Sum;
    using T = Tile<Real, kM, kN, kK, kRowsEach, kColumnsEach>;
    __shared__ typename T::SliceA a;
    __shared__ typename T::SliceB b;

    int channels = p.c_in_per_group(), rows = p.taps() * channels, columns = p.c_out_per_group();
    BlockTask task = block_task(divide_up(rows, kM), static_cast<int>(divide_up(columns, kN)), p.groups);
    int first_row = static_cast<int>(task.tile_row) * kM, first_column = task.tile_column * kN;
    long long first_term = task.split * terms_each;
    long long end_term = min(first_term + terms_each, p.output_pixels());
    const Real* x_group = x + task.group * channels;
    const Real* gy_group = gy + task.group * columns;

    // A thread stages one row of A's slices: neighbours read neighbouring channels of X.
    int staged_row = threadIdx.x % kM;
    bool row_exists = first_row + staged_row < rows;
    Tap tap = tap_of(row_exists ? first_row + staged_row : 0, p.kernel_width, channels);

    T tile;
    for (long long first_k = first_term; first_k < end_term; first_k += kK) {
#pragma unroll
        for (int s = 0; s < T::kStagedA; ++s) {
            int slice_k = threadIdx.x / kM + s * (T::kThreads / kM);
            bool exists = row_exists && first_k + slice_k < end_term;
            Pixel output = pixel_of(exists ? first_k + slice_k : 0, p.out_height, p.out_width);
            long long pixel = exists ? input_pixel(p, output, tap) : -1;
            a[slice_k][staged_row] = pixel < 0 ? Sum(0) : P::load(x_group[pixel * p.c_in + tap.channel]);
        }
#pragma unroll
        for (int s = 0; s < T::kStagedB; ++s) {
            int slice_k = threadIdx.x / kN + s * (T::kThreads / kN), column = threadIdx.x % kN;
            bool exists = first_k + slice_k < end_term && first_column + column < columns;
            long long row = (first_k + slice_k) * p.c_out;
            b[slice_k][column] = exists ? P::load(gy_group[row + first_column + column]) : Sum(0);
        }
        __syncthreads();
        tile.add(a, b);
        __syncthreads();
    }

    Sum* result = partial + static_cast<long long>(task.split) * rows * p.c_out;
    for (int r = 0; r < kRowsEach; ++r) {
        for (int c = 0; c < kColumnsEach; ++c) {
            int row = first_row + T::row(r), column = first_column + T::column(c);
            if (row >= rows || column >= columns) continue;
            result[static_cast<long long>(row) * p.c_out + task.group * columns + column] = tile.sum[r][c];
        }
    }
}
