// Gradient by W as a gathered matrix product on tensor cores, by mma.sync, whose sum over the output pixels is split
// among blocks.
//
//     dW[(m,n,p), l] = sum over (i,j,k) of A[(m,n,p), (i,j,k)] G[(i,j,k), l]
//     A[(m,n,p), (i,j,k)] = X[i, j s_h + dy(m), k s_w + dx(n), g c_in/g + p]        zero outside the image
//
// One product per group. Rows: a_h a_w c_in/g; columns: c_out/g; terms: b out_h out_w. Neighbours of A are rows, those of
// G columns. Each split writes a partial dW in float, and sum_splits adds them first to last and rounds once: the same
// bits at every run.
// Napkin, 28x28x128 -> 128, 3x3, batch 64, halves: 9 tiles of 128x128 for 264 places, whose sum has 50,176 terms. With
// 29 splits 261 blocks add 54 slices each; the partial results, 29 * 590 KB, are written and read in 8 us.
#include "multistage.cuh"

// partial: [splits, a_h, a_w, c_in/g, c_out]; terms_each: how many terms a split adds, a multiple of kK below 2^31.
template <typename Number, int kM, int kN, int kK, int kWarpM, int kWarpN, int kStages, int kBlocks>
__global__ void __launch_bounds__(MultistageTile<Number, kM, kN, kK, kWarpM, kWarpN, kStages>::kThreads, kBlocks)
    multistage_grad_weight(const typename StoredAs<Number>::Type* __restrict__ gy,
                           const typename StoredAs<Number>::Type* __restrict__ x, float* __restrict__ partial, Problem p,
                           long long terms_each) {
    using T = MultistageTile<Number, kM, kN, kK, kWarpM, kWarpN, kStages>;
    using Stored = typename T::Stored;
    using SharesA = typename T::template Shares<false, kM>;
    using SharesB = typename T::template Shares<false, kN>;
    using Pixels = PixelsOfTaps<Stored, T::kEach, T::kEach>;
    using Row = MatrixRows<Stored, T::kEach, T::kEach>;
    using A = Stagers<Pixels, SharesA::kFetches>;
    using B = Stagers<Row, SharesB::kFetches>;
    __shared__ typename T::template Shared<WarpTask> shared;
    int rows = p.taps() * p.c_in_per_group();
    auto plan = [&] { return warp_task(tiles_over(rows, kM), p.c_out_per_group(), kN, 1, p.groups); };
    WarpTask task = T::agree(shared, plan);

    long long first_pixel = task.split * terms_each;
    int pixels = static_cast<int>(min(terms_each, p.output_pixels() - first_pixel));
    Pixel step = pixel_of(kK, p.out_height, p.out_width);
    TapRow tap_row;  // the same for all of a thread's shares
    A a([&](int f) {
        auto at = SharesA::place(f);
        int row = static_cast<int>(task.tile_row) * kM + at.line;
        return Pixels(p, x, tap_row, task.group, row, first_pixel + at.term, pixels - at.term, step);
    });
    B b([&](int f) {
        auto at = SharesB::place(f);
        int column = task.tile_column * kN + at.line;
        const Stored* first = gy + (first_pixel + at.term) * p.c_out + task.group * task.columns + column;
        return Row(first, p.c_out, pixels - at.term, task.columns - column);
    });
    T tile;
    tile.template multiply<false, false>(StagedApart<A, B>{a, b}, slices_of(pixels, kK), shared);

    task = T::agree(shared, plan);
    int first_row = static_cast<int>(task.tile_row) * kM, first_column = task.tile_column * kN;
    long long before = static_cast<long long>(task.split) * rows + first_row;
    float* corner = partial + before * p.c_out + task.group * task.columns + first_column;
    DenseRows<float> result = {corner, p.c_out, rows - first_row};
    tile.template write<float>(result, task.columns - first_column, shared);
}
