// Gradient by W as a gathered matrix product on tensor cores, whose sum over the output pixels is split among blocks.
//
//     dW[(m,n,p), l] = sum over (i,j,k) of A[(m,n,p), (i,j,k)] G[(i,j,k), l]
//     A[(m,n,p), (i,j,k)] = X[i, j s_h + dy(m), k s_w + dx(n), g c_in/g + p]        zero outside the image
//
// One product per group. Rows: a_h a_w c_in/g; columns: c_out/g; terms: b out_h out_w. Neighbours of A are rows, to
// wmma a matrix in column-major order, those of G columns. Each split writes a partial dW in float, and sum_splits
// (implicit_gemm_grad_weight.cu) adds them first to last and rounds once: the same bits at every run.
// Napkin, 28x28x128 -> 128, 3x3, batch 64: 9 tiles of 128x128 for 132 multiprocessors, whose sum has 50,176 terms.
// With 14 splits 126 blocks add 112 slices each; the partial results, 14 * 590 KB, are written and read in 4 us.
#include "tensor_core.cuh"

// partial: [splits, a_h, a_w, c_in/g, c_out]; terms_each: how many terms a split adds, a multiple of kK below 2^31.
template <typename Number, int kVector, int kM, int kN, int kK, int kWarpM, int kWarpN>
__global__ void __launch_bounds__(TensorTile<Number, kM, kN, kK, kWarpM, kWarpN>::kThreads,
                                  TensorTile<Number, kM, kN, kK, kWarpM, kWarpN>::kBlocks)
    tensor_core_grad_weight(const typename TensorOperand<Number>::Stored* __restrict__ gy,
                            const typename TensorOperand<Number>::Stored* __restrict__ x,
                            float* __restrict__ partial, Problem p, long long terms_each) {
    using T = TensorTile<Number, kM, kN, kK, kWarpM, kWarpN>;
    using Stored = typename T::Stored;
    using A = PixelsOfTaps<Stored, T::kEach, kVector>;
    using B = MatrixRows<Stored, T::kEach, kVector>;
    __shared__ typename T::template Shared<false, false> shared;
    __shared__ WarpTask task;
    __shared__ Pixel step;
    __shared__ TapRow tap_rows[T::kFetchesA][T::kThreads];  // of each stager of A
    if (threadIdx.x == 0) {
        int rows = p.taps() * p.c_in_per_group();
        task = warp_task(tiles_over(rows, kM), p.c_out_per_group(), kN, 1, p.groups);
        step = pixel_of(kK, p.out_height, p.out_width);
    }
    __syncthreads();

    long long first_pixel = task.split * terms_each;
    int pixels = static_cast<int>(min(terms_each, p.output_pixels() - first_pixel));
    Stagers<A, T::kFetchesA> a([&](int f) {
        auto at = T::template Shares<false, kM>::place(f);
        int row = static_cast<int>(task.tile_row) * kM + at.line;
        TapRow& mine = tap_rows[f][threadIdx.x];
        return A(p, x, mine, task.group, row, first_pixel + at.term, pixels - at.term, step);
    });
    Stagers<B, T::kFetchesB> b([&](int f) {
        auto at = T::template Shares<false, kN>::place(f);
        int column = task.tile_column * kN + at.line;
        const Stored* first = gy + (first_pixel + at.term) * p.c_out + task.group * task.columns + column;
        return B(first, p.c_out, pixels - at.term, task.columns - column);
    });
    using Values = typename T::Values;
    auto fetch = [&](Values* values_a, Values* values_b) {
        a.template fetch<kK>(values_a);
        b.template fetch<kK>(values_b);
    };
    T tile;
    tile.template multiply<false, false>(fetch, slices_of(pixels, kK), shared);

    int first_row = static_cast<int>(task.tile_row) * kM, first_column = task.tile_column * kN;
    int rows = p.taps() * p.c_in_per_group();
    long long before = static_cast<long long>(task.split) * rows + first_row;
    float* corner = partial + before * p.c_out + task.group * task.columns + first_column;
    DenseRows<float> result = {corner, p.c_out, rows - first_row};
    tile.template write<kVector, float>(result, task.columns - first_column, shared);
}
