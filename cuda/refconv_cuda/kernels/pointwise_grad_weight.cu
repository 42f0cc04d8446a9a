// Gradient by W of a dense 1x1 kernel (stride 1, no padding) as a plain matrix product by warp tiles, one per group.
//
//     dW[p, l] = sum over (i,j,k) of X[(i,j,k), g c_in/g + p] G[(i,j,k), l]
//
// Rows: c_in/g; columns: c_out/g; terms: b h w pixels, split among blocks; sum_splits (implicit_gemm_grad_weight.cu) adds
// the partial results in a fixed order. In both operands neighbours lie across the terms: no slice is transposed.
// Napkin, 56x56x256 -> 64, batch 64: 4 tiles of 64x64 and 200,704 terms, so all of the parallelism comes from the splits;
// X and G are read once each, 0.06 ms at 4.3 TB/s, behind 0.1 ms of multiply-adds.
#include "warp_tile.cuh"

// partial: [splits, 1, 1, c_in/g, c_out], in the type of the sums; terms_each: how many terms a split adds, a multiple of
// kK that fits an int.
template <typename Real, int kVector, int kM, int kN, int kK, int kRows, int kColumns, int kLanesM>
__global__ void __launch_bounds__(WarpTile<Real, kM, kN, kK, kRows, kColumns, kLanesM>::kThreads,
                                  WarpTile<Real, kM, kN, kK, kRows, kColumns, kLanesM>::kBlocks)
    pointwise_grad_weight(const Real* __restrict__ gy, const Real* __restrict__ x,
                          typename Precision<Real>::Sum* __restrict__ partial, Problem p, long long terms_each) {
    using T = WarpTile<Real, kM, kN, kK, kRows, kColumns, kLanesM>;
    using Stager = MatrixRows<Real, T::kEach, kVector>;
    using Sum = typename T::Sum;
    __shared__ typename T::Shared shared;
    __shared__ WarpTask task;
    if (threadIdx.x == 0) {
        task = warp_task(tiles_over(p.c_in_per_group(), kM), p.c_out_per_group(), kN, 1, p.groups);
    }
    __syncthreads();

    int rows = p.c_in_per_group();
    long long first_pixel = task.split * terms_each;
    int pixels = static_cast<int>(min(terms_each, p.output_pixels() - first_pixel));
    auto a = [&](typename T::Place at) {
        int row = static_cast<int>(task.tile_row) * kM + at.line;
        return Stager(x + (first_pixel + at.term) * p.c_in + task.group * rows + row, p.c_in, pixels - at.term, rows - row);
    };
    auto b = [&](typename T::Place at) {
        int column = task.tile_column * kN + at.line;
        const Real* first = gy + (first_pixel + at.term) * p.c_out + task.group * task.columns + column;
        return Stager(first, p.c_out, pixels - at.term, task.columns - column);
    };
    T tile;
    tile.template multiply<Stager, Stager>(a, b, slices_of(pixels, kK), shared);

    int first_row = static_cast<int>(task.tile_row) * kM, first_column = task.tile_column * kN;
    long long before = static_cast<long long>(task.split) * rows + first_row;
    Sum* corner = partial + before * p.c_out + task.group * task.columns + first_column;
    tile.template write<kVector, Sum>(DenseRows<Sum>{corner, p.c_out, rows - first_row}, task.columns - first_column);
}
