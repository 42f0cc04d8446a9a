// Forward pass as a gathered matrix product on tensor cores, by mma.sync.
//
//     Y[(i,j,k), l] = sum over (m,n,p) of A[(i,j,k), (m,n,p)] W[(m,n,p), l]
//     A[(i,j,k), (m,n,p)] = X[i, j s_h + dy(m), k s_w + dx(n), g c_in/g + p]        zero outside the image
//
// One product per group. Rows: b out_h out_w output pixels; columns: c_out/g; terms: a_h a_w c_in/g. Neighbours of A
// are terms, those of W columns.
// Napkin, 28x28x128 -> 128, 3x3, batch 64, halves: 392 tiles of 36 slices on 132 multiprocessors. The first 264, two by
// two, take 36 * 860 clocks, the others 36 * 430: 27 us at 1.7 GHz, where the whole machine at once would need 23.
// X comes 9 times, 0.12 GB, from L1 or L2: 21 us at 5.5 TB/s without L1, meanwhile.
#include "multistage.cuh"

template <typename Number, int kM, int kN, int kK, int kWarpM, int kWarpN, int kStages, int kBlocks>
__global__ void __launch_bounds__(MultistageTile<Number, kM, kN, kK, kWarpM, kWarpN, kStages>::kThreads, kBlocks)
    multistage_forward(const typename StoredAs<Number>::Type* __restrict__ x,
                       const typename StoredAs<Number>::Type* __restrict__ w,
                       typename StoredAs<Number>::Type* __restrict__ y, Problem p) {
    using T = MultistageTile<Number, kM, kN, kK, kWarpM, kWarpN, kStages>;
    using Stored = typename T::Stored;
    using SharesA = typename T::template Shares<true, kM>;
    using SharesB = typename T::template Shares<false, kN>;
    __shared__ typename T::template Shared<WarpTask> shared;
    auto plan = [&] { return warp_task(tiles_over(p.output_pixels(), kM), p.c_out_per_group(), kN, 1, p.groups); };
    WarpTask task = T::agree(shared, plan);

    int channels = p.c_in_per_group(), terms = p.taps() * channels;
    Taps taps = {taps_reading(p.kernel_height, p.dilation_height, p.pad_top),
                 taps_reading(p.kernel_width, p.dilation_width, p.pad_left)};
    PixelBase bases[SharesA::kFetches];
#pragma unroll
    for (int f = 0; f < SharesA::kFetches; ++f) {
        bases[f] = base_of_output(p, task.tile_row * kM + SharesA::place(f).line, task.group * channels);
    }
    using Lines = PixelLines<Stored, SharesA::kFetches, 1>;
    using A = LinesAlongTerms<T::kEach, T::kEach, Lines>;
    A a({x, bases, p.height, p.width, p.c_in, taps}, channels, SharesA::place().term);
    using Row = MatrixRows<Stored, T::kEach, T::kEach>;
    using B = Stagers<Row, SharesB::kFetches>;
    B b([&](int f) {
        auto at = SharesB::place(f);
        int column = task.tile_column * kN + at.line;
        const Stored* first = w + static_cast<long long>(at.term) * p.c_out + task.group * task.columns + column;
        return Row(first, p.c_out, terms - at.term, task.columns - column);
    });
    T tile;
    tile.template multiply<true, false>(StagedApart<A, B>{a, b}, slices_of(terms, kK), shared);

    task = T::agree(shared, plan);
    long long first_row = task.tile_row * kM;
    int first_column = task.tile_column * kN;
    Stored* corner = y + first_row * p.c_out + task.group * task.columns + first_column;
    DenseRows<Stored> result = {corner, p.c_out, p.output_pixels() - first_row};
    tile.template write<Stored>(result, task.columns - first_column, shared);
}
