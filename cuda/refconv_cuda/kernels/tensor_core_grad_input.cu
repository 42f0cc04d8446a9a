// Gradient by X as gathered matrix products on tensor cores, one for each class of input pixels.
//
//     dX[(i,u,v), q] = sum over (m,n,l) of A[(i,u',v'), (m,n,l)] B[(m,n,l), q]        (m, n): the taps of the class
//     A[(i,u',v'), (m,n,l)] = G[i, u' + dy(m), v' + dx(n), g c_out/g + l]             zero outside G
//     B[(m,n,l), q] = W[m, n, q, g c_out/g + l]
//
// with the classes of warp_tiled_grad_input.cu: of all pixels (u, v) = (r_h + s_h u', r_w + s_w v'), so that no term
// is zero because of the stride. One product per class and group. Rows: b ceil((h - r_h)/s_h) ceil((w - r_w)/s_w);
// columns: c_in/g; terms: the taps of the class times c_out/g. Neighbours of both are terms, and stay so in shared
// memory: to wmma, B is a matrix in column-major order.
// Napkin, 56x56x64 <- 128 with stride 2, 3x3, batch 64: 2.25 taps for a pixel instead of 9, 7.4 GFLOP; dX has 26 MB.
#include "tensor_core.cuh"

template <typename Number, int kVector, int kM, int kN, int kK, int kWarpM, int kWarpN>
__global__ void __launch_bounds__(TensorTile<Number, kM, kN, kK, kWarpM, kWarpN>::kThreads,
                                  TensorTile<Number, kM, kN, kK, kWarpM, kWarpN>::kBlocks)
    tensor_core_grad_input(const typename TensorOperand<Number>::Stored* __restrict__ gy,
                           const typename TensorOperand<Number>::Stored* __restrict__ w,
                           typename TensorOperand<Number>::Stored* __restrict__ gx, Problem p) {
    using T = TensorTile<Number, kM, kN, kK, kWarpM, kWarpN>;
    using Stored = typename T::Stored;
    __shared__ typename T::template Shared<true, true> shared;
    __shared__ WarpTask task;
    __shared__ PixelClass class_;
    __shared__ PixelBase bases_a[kM];
    __shared__ long long bases_b[kN];
    if (threadIdx.x == 0) {
        PixelClasses classes(p);
        long long most_rows = static_cast<long long>(p.batch) * classes.height(0) * classes.width(0);
        task = warp_task(tiles_over(most_rows, kM), p.c_in_per_group(), kN, classes.count(), p.groups);
        class_ = classes.at(task.class_);
    }
    __syncthreads();
    if (task.tile_row * kM >= class_.pixels(p)) return;

    int channels = p.c_out_per_group();
    for (int line = threadIdx.x; line < kM; line += T::kThreads) {
        bases_a[line] = base_in_class(p, class_, task.tile_row * kM + line, task.group * channels);
    }
    for (int line = threadIdx.x; line < kN; line += T::kThreads) {
        bases_b[line] = base_of_column(p, task.tile_column * kN + line, task.columns, task.group * channels);
    }
    __syncthreads();

    using LinesA = PixelLines<Stored, T::kFetchesA, T::kApart>;
    using LinesB = WeightLines<Stored, T::kFetchesB, T::kApart>;
    auto mine = T::template Shares<true, kM>::place();
    LinesA lines_a = {gy, &bases_a[mine.line], p.out_height, p.out_width, p.c_out, class_.taps};
    LinesB lines_b = {w, &bases_b[mine.line], task.columns, p.kernel_width, p.c_out, class_.taps};
    LinesAlongTerms<T::kEach, kVector, BothLines<LinesA, LinesB>> both({lines_a, lines_b}, channels, mine.term);
    using Values = typename T::Values;
    auto fetch = [&](Values* values_a, Values* values_b) {
        both.template fetch<kK>([&](int l) -> Values& {  // those of A come first
            return l < T::kFetchesA ? values_a[l] : values_b[l - T::kFetchesA];
        });
    };
    T tile;
    int slices = slices_of(static_cast<long long>(class_.taps.count()) * channels, kK);
    tile.template multiply<true, true>(fetch, slices, shared);

    int first_column = task.tile_column * kN;
    ClassRows<Stored> result = {gx + task.group * task.columns + first_column, p, class_, task.tile_row * kM};
    tile.template write<kVector, Stored>(result, task.columns - first_column, shared);
}
