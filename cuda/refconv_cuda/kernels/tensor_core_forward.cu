// Forward pass as a gathered matrix product on tensor cores.
//
//     Y[(i,j,k), l] = sum over (m,n,p) of A[(i,j,k), (m,n,p)] W[(m,n,p), l]
//     A[(i,j,k), (m,n,p)] = X[i, j s_h + dy(m), k s_w + dx(n), g c_in/g + p]        zero outside the image
//
// One product per group. Rows: b out_h out_w output pixels; columns: c_out/g; terms: a_h a_w c_in/g. Neighbours of A
// are terms, those of W columns.
// Napkin, 28x28x128 -> 128, 3x3, batch 64, halves: 14.8 GFLOP are 0.04 ms at 400 TFLOP/s; X and Y have 12.8 MB each, 6
// us at 4.3 TB/s. The 128 columns are one tile, so X comes 9 times from L1 or L2, 0.12 GB: 0.02 ms at 5 TB/s,
// meanwhile.
#include "tensor_core.cuh"

template <typename Number, int kVector, int kM, int kN, int kK, int kWarpM, int kWarpN>
__global__ void __launch_bounds__(TensorTile<Number, kM, kN, kK, kWarpM, kWarpN>::kThreads,
                                  TensorTile<Number, kM, kN, kK, kWarpM, kWarpN>::kBlocks)
    tensor_core_forward(const typename TensorOperand<Number>::Stored* __restrict__ x,
                        const typename TensorOperand<Number>::Stored* __restrict__ w,
                        typename TensorOperand<Number>::Stored* __restrict__ y, Problem p) {
    using T = TensorTile<Number, kM, kN, kK, kWarpM, kWarpN>;
    using Stored = typename T::Stored;
    __shared__ typename T::template Shared<true, false> shared;
    __shared__ WarpTask task;
    __shared__ Taps taps;
    __shared__ PixelBase bases[kM];
    if (threadIdx.x == 0) {
        task = warp_task(tiles_over(p.output_pixels(), kM), p.c_out_per_group(), kN, 1, p.groups);
        taps = {taps_reading(p.kernel_height, p.dilation_height, p.pad_top),
                taps_reading(p.kernel_width, p.dilation_width, p.pad_left)};
    }
    __syncthreads();

    int channels = p.c_in_per_group(), terms = p.taps() * channels;
    for (int line = threadIdx.x; line < kM; line += T::kThreads) {
        bases[line] = base_of_output(p, task.tile_row * kM + line, task.group * channels);
    }
    __syncthreads();

    using Lines = PixelLines<Stored, T::kFetchesA, T::kApart>;
    using B = MatrixRows<Stored, T::kEach, kVector>;
    auto mine = T::template Shares<true, kM>::place();
    LinesAlongTerms<T::kEach, kVector, Lines> a({x, &bases[mine.line], p.height, p.width, p.c_in, taps}, channels,
                                                mine.term);
    Stagers<B, T::kFetchesB> b([&](int f) {
        auto at = T::template Shares<false, kN>::place(f);
        int column = task.tile_column * kN + at.line;
        const Stored* first = w + static_cast<long long>(at.term) * p.c_out + task.group * task.columns + column;
        return B(first, p.c_out, terms - at.term, task.columns - column);
    });
    using Values = typename T::Values;
    auto fetch = [&](Values* values_a, Values* values_b) {
        a.template fetch<kK>([&](int l) -> Values& { return values_a[l]; });
        b.template fetch<kK>(values_b);
    };
    T tile;
    tile.template multiply<true, false>(fetch, slices_of(terms, kK), shared);

    long long first_row = task.tile_row * kM;
    int first_column = task.tile_column * kN;
    Stored* corner = y + first_row * p.c_out + task.group * task.columns + first_column;
    DenseRows<Stored> result = {corner, p.c_out, p.output_pixels() - first_row};
    tile.template write<kVector, Stored>(result, task.columns - first_column, shared);
}
