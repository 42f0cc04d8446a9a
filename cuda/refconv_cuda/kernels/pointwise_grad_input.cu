// Gradient by X of a dense 1x1 kernel (stride 1, no padding) as a plain matrix product by warp tiles, one per group.
//
//     dX[(i,u,v), q] = sum over l of G[(i,u,v), g c_out/g + l] W[q, g c_out/g + l]
//
// Rows: b h w pixels; columns: c_in/g; terms: c_out/g. In both operands neighbours are terms, so both slices are stored
// transposed. Napkin: that of the forward pass, with the channels exchanged.
#include "warp_tile.cuh"

template <typename Real, int kVector, int kM, int kN, int kK, int kRows, int kColumns, int kLanesM>
__global__ void __launch_bounds__(WarpTile<Real, kM, kN, kK, kRows, kColumns, kLanesM>::kThreads,
                                  WarpTile<Real, kM, kN, kK, kRows, kColumns, kLanesM>::kBlocks)
    pointwise_grad_input(const Real* __restrict__ gy, const Real* __restrict__ w, Real* __restrict__ gx, Problem p) {
    using T = WarpTile<Real, kM, kN, kK, kRows, kColumns, kLanesM>;
    using Stager = AlongTerms<Real, T::kEach, kVector, PlainLine>;
    __shared__ typename T::Shared shared;
    __shared__ WarpTask task;
    if (threadIdx.x == 0) {
        task = warp_task(tiles_over(p.input_pixels(), kM), p.c_in_per_group(), kN, 1, p.groups);
    }
    __syncthreads();

    int channels = p.c_out_per_group();
    auto a = [&](typename T::Place at) {
        long long row = task.tile_row * kM + at.line;
        PlainLine line = {row < p.input_pixels() ? row * p.c_out + task.group * channels : kNowhere};
        return Stager(gy, line, channels, at.term);
    };
    auto b = [&](typename T::Place at) {
        long long column = task.tile_column * kN + at.line;
        PlainLine line = {column < task.columns ? column * p.c_out + task.group * channels : kNowhere};
        return Stager(w, line, channels, at.term);
    };
    T tile;
    tile.template multiply<Stager, Stager>(a, b, slices_of(channels, kK), shared);

    long long first_row = task.tile_row * kM;
    int first_column = task.tile_column * kN;
    Real* corner = gx + first_row * p.c_in + task.group * task.columns + first_column;
    DenseRows<Real> result = {corner, p.c_in, p.input_pixels() - first_row};
    tile.template write<kVector, Real>(result, task.columns - first_column);
}
