// Gradient by X as gathered matrix products on tensor cores, by mma.sync, one for each class of input pixels.
//
//     dX[(i,u,v), q] = sum over (m,n,l) of A[(i,u',v'), (m,n,l)] B[(m,n,l), q]        (m, n): the taps of the class
//     A[(i,u',v'), (m,n,l)] = G[i, u' + dy(m), v' + dx(n), g c_out/g + l]             zero outside G
//     B[(m,n,l), q] = W[m, n, q, g c_out/g + l]
//
// with the classes of warp_tiled_grad_input.cu: of all pixels (u, v) = (r_h + s_h u', r_w + s_w v'), so that no term
// is zero because of the stride. One product per class and group. Rows: b ceil((h - r_h)/s_h) ceil((w - r_w)/s_w);
// columns: c_in/g; terms: the taps of the class times c_out/g. Neighbours of both are terms.
// Napkin, 56x56x64 <- 128 with stride 2, 3x3, batch 64: 9/4 of a tap for a pixel, 3.7 G multiply-adds. The 64 columns
// are half a large tile, so small ones are as good: 4 * 784 of them, 36 slices at most.
#include "multistage.cuh"

struct ClassTask {
    WarpTask task;
    PixelClass class_;
};

template <typename Number, int kM, int kN, int kK, int kWarpM, int kWarpN, int kStages, int kBlocks>
__global__ void __launch_bounds__(MultistageTile<Number, kM, kN, kK, kWarpM, kWarpN, kStages>::kThreads, kBlocks)
    multistage_grad_input(const typename StoredAs<Number>::Type* __restrict__ gy,
                          const typename StoredAs<Number>::Type* __restrict__ w,
                          typename StoredAs<Number>::Type* __restrict__ gx, Problem p) {
    using T = MultistageTile<Number, kM, kN, kK, kWarpM, kWarpN, kStages>;
    using Stored = typename T::Stored;
    using SharesA = typename T::template Shares<true, kM>;
    using SharesB = typename T::template Shares<true, kN>;
    __shared__ typename T::template Shared<ClassTask> shared;
    auto make = [&] {
        PixelClasses classes(p);
        long long most_rows = static_cast<long long>(p.batch) * classes.height(0) * classes.width(0);
        WarpTask task = warp_task(tiles_over(most_rows, kM), p.c_in_per_group(), kN, classes.count(), p.groups);
        return ClassTask{task, classes.at(task.class_)};
    };
    ClassTask plan = T::agree(shared, make);
    if (plan.task.tile_row * kM >= plan.class_.pixels(p)) return;

    int channels = p.c_out_per_group(), first_channel = plan.task.group * channels;
    PixelBase bases_a[SharesA::kFetches];
    long long bases_b[SharesB::kFetches];
#pragma unroll
    for (int f = 0; f < SharesA::kFetches; ++f) {
        bases_a[f] = base_in_class(p, plan.class_, plan.task.tile_row * kM + SharesA::place(f).line, first_channel);
    }
#pragma unroll
    for (int f = 0; f < SharesB::kFetches; ++f) {
        bases_b[f] = base_of_column(p, plan.task.tile_column * kN + SharesB::place(f).line, plan.task.columns,
                                    first_channel);
    }
    using LinesA = PixelLines<Stored, SharesA::kFetches, 1>;
    using LinesB = WeightLines<Stored, SharesB::kFetches, 1>;
    LinesA lines_a = {gy, bases_a, p.out_height, p.out_width, p.c_out, plan.class_.taps};
    LinesB lines_b = {w, bases_b, plan.task.columns, p.kernel_width, p.c_out, plan.class_.taps};
    using Both = LinesAlongTerms<T::kEach, T::kEach, BothLines<LinesA, LinesB>>;
    Both both({lines_a, lines_b}, channels, SharesA::place().term);
    T tile;
    int slices = slices_of(static_cast<long long>(plan.class_.taps.count()) * channels, kK);
    tile.template multiply<true, true>(StagedTogether<Stored, SharesA::kFetches, Both>{both}, slices, shared);

    plan = T::agree(shared, make);
    int first_column = plan.task.tile_column * kN;
    ClassRows<Stored> result = {gx + plan.task.group * plan.task.columns + first_column, p, plan.class_,
                                plan.task.tile_row * kM};
    tile.template write<Stored>(result, plan.task.columns - first_column, shared);
}
