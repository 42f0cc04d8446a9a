// Gradient by X as gathered matrix products by warp tiles, one for each class of input pixels.
//
// The pixels (u, v) = (r_h + s_h u', r_w + s_w v') of the class (r_h, r_w) meet the same taps, and these lead from
// (u', v') to an output pixel by an addition (gather.cuh):
//
//     dX[(i,u,v), q] = sum over (m,n,l) of A[(i,u',v'), (m,n,l)] B[(m,n,l), q]        (m, n): the taps of the class
//     A[(i,u',v'), (m,n,l)] = G[i, u' + dy(m), v' + dx(n), g c_out/g + l]             zero outside G
//     B[(m,n,l), q] = W[m, n, q, g c_out/g + l]
//
// One product per class and group. Rows: b ceil((h - r_h)/s_h) ceil((w - r_w)/s_w); columns: c_in/g; terms: the taps of
// the class times c_out/g. All are one launch, with as many tiles for each class as the largest one has: a block too
// many returns at once. A class that no tap reaches writes its zeros. Both slices are stored transposed.
// Napkin: with stride 2 and a 3x3 kernel the four classes have 4, 2, 2 and 1 taps: 9/4 of a tap for a pixel, where the
// undivided product has 9 and multiplies by zero in 3 of 4.
#include "warp_tile.cuh"

template <typename Real, int kVector, int kM, int kN, int kK, int kRows, int kColumns, int kLanesM>
__global__ void __launch_bounds__(WarpTile<Real, kM, kN, kK, kRows, kColumns, kLanesM>::kThreads,
                                  WarpTile<Real, kM, kN, kK, kRows, kColumns, kLanesM>::kBlocks)
    warp_tiled_grad_input(const Real* __restrict__ gy, const Real* __restrict__ w, Real* __restrict__ gx, Problem p) {
    using T = WarpTile<Real, kM, kN, kK, kRows, kColumns, kLanesM>;
    __shared__ typename T::Shared shared;

    __shared__ WarpTask task;
    __shared__ PixelClass class_;
    __shared__ int channels;
    __shared__ PixelBase pixels[T::kThreads];  // each thread's own: it needs them only at the next tap
    __shared__ long long weights[T::kThreads];
    __shared__ LinePair lines[T::kThreads];
    if (threadIdx.x == 0) {
        PixelClasses classes(p);
        long long most_rows = static_cast<long long>(p.batch) * classes.height(0) * classes.width(0);
        task = warp_task(tiles_over(most_rows, kM), p.c_in_per_group(), kN, classes.count(), p.groups);
        class_ = classes.at(task.class_);
        channels = p.c_out_per_group();
    }
    __syncthreads();
    if (task.tile_row * kM >= class_.pixels(p)) return;

    static_assert(kM == kN && T::kFetchesA == 1, "a thread fetches the same terms of A and of B");
    auto at = T::template place<true, kM>(0);
    pixels[threadIdx.x] = base_in_class(p, class_, task.tile_row * kM + at.line, task.group * channels);
    weights[threadIdx.x] = base_of_column(p, task.tile_column * kN + at.line, task.columns, task.group * channels);
    GatheredPixel a = {pixels[threadIdx.x], p.out_height, p.out_width, p.c_out, class_.taps};
    WeightsOfTaps b = {weights[threadIdx.x], task.columns, p.kernel_width, p.c_out, class_.taps};
    PairAlongTerms<Real, T::kEach, kVector, GatheredPixel, WeightsOfTaps> pair(
        gy, a, w, b, channels, at.term, lines[threadIdx.x]);
    auto fetch = [&](Real (&values_a)[1][T::kEach], Real (&values_b)[1][T::kEach]) {
        pair.template fetch<kK>(values_a[0], values_b[0]);
    };
    T tile;
    tile.template multiply_fetched<true, true>(
        fetch, slices_of(static_cast<long long>(class_.taps.count()) * channels, kK), shared);

    int first_column = task.tile_column * kN;
    ClassRows<Real> result = {gx + task.group * task.columns + first_column, p, class_, task.tile_row * kM};
    tile.template write<kVector, Real>(result, task.columns - first_column);
}
