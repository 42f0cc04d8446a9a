// Gradient by W as a gathered matrix product by warp tiles, whose sum over the output pixels is split among blocks.
//
//     dW[(m,n,p), l] = sum over (i,j,k) of A[(m,n,p), (i,j,k)] G[(i,j,k), l]
//     A[(m,n,p), (i,j,k)] = X[i, j s_h + dy(m), k s_w + dx(n), g c_in/g + p]        zero outside the image
//
// One product per group. Rows: a_h a_w c_in/g; columns: c_out/g; terms: b out_h out_w. Here neighbours in memory are
// rows of A and columns of G, so neither slice is transposed; a thread keeps its tap and walks through the pixels.
// Each split writes a partial dW, and sum_splits (implicit_gemm_grad_weight.cu) adds them first to last: the same bits
// at every run.
// Napkin, 56x56x64 -> 64, 3x3, batch 64: 9 tiles of 64x64 for 132 multiprocessors, whose sum has 200,704 terms. With 58
// splits 522 blocks add 3,460 terms each, and the partial results, 58 * 147 KB, take 4 us to write and read again,
// where the products take 220.
#include "warp_tile.cuh"

// partial: [splits, a_h, a_w, c_in/g, c_out], in the type of the sums; terms_each: how many terms a split adds, a multiple of
// kK that fits an int.
template <typename Real, int kVector, int kM, int kN, int kK, int kRows, int kColumns, int kLanesM>
__global__ void __launch_bounds__(WarpTile<Real, kM, kN, kK, kRows, kColumns, kLanesM>::kThreads,
                                  WarpTile<Real, kM, kN, kK, kRows, kColumns, kLanesM>::kBlocks)
    warp_tiled_grad_weight(const Real* __restrict__ gy, const Real* __restrict__ x,
                           typename Precision<Real>::Sum* __restrict__ partial, Problem p, long long terms_each) {
    using T = WarpTile<Real, kM, kN, kK, kRows, kColumns, kLanesM>;
    using A = PixelsOfTaps<Real, T::kEach, kVector>;
    using B = MatrixRows<Real, T::kEach, kVector>;
    using Sum = typename T::Sum;
    __shared__ typename T::Shared shared;

    __shared__ WarpTask task;
    __shared__ Pixel step;
    __shared__ TapRow tap_rows[kK][kM / T::kEach];  // of each stager of A
    if (threadIdx.x == 0) {
        int rows = p.taps() * p.c_in_per_group();
        task = warp_task(tiles_over(rows, kM), p.c_out_per_group(), kN, 1, p.groups);
        step = pixel_of(kK, p.out_height, p.out_width);
    }
    __syncthreads();

    long long first_pixel = task.split * terms_each;
    int pixels = static_cast<int>(min(terms_each, p.output_pixels() - first_pixel));
    auto a = [&](typename T::Place at) {
        int row = static_cast<int>(task.tile_row) * kM + at.line;
        return A(p, x, tap_rows[at.term][at.line / T::kEach], task.group, row, first_pixel + at.term, pixels - at.term, step);
    };
    auto b = [&](typename T::Place at) {
        int column = task.tile_column * kN + at.line;
        const Real* first = gy + (first_pixel + at.term) * p.c_out + task.group * task.columns + column;
        return B(first, p.c_out, pixels - at.term, task.columns - column);
    };
    T tile;
    tile.template multiply<A, B>(a, b, slices_of(pixels, kK), shared);

    int first_row = static_cast<int>(task.tile_row) * kM, first_column = task.tile_column * kN;
    int rows = p.taps() * p.c_in_per_group();
    long long before = static_cast<long long>(task.split) * rows + first_row;
    Sum* corner = partial + before * p.c_out + task.group * task.columns + first_column;
    tile.template write<kVector, Sum>(DenseRows<Sum>{corner, p.c_out, rows - first_row}, task.columns - first_column);
}
