// Forward pass as a gathered matrix product by warp tiles.
//
//     Y[(i,j,k), l] = sum over (m,n,p) of A[(i,j,k), (m,n,p)] W[(m,n,p), l]
//     A[(i,j,k), (m,n,p)] = X[i, j s_h + dy(m), k s_w + dx(n), g c_in/g + p]        zero outside the image
//
// One product per group. Rows: b out_h out_w output pixels; columns: c_out/g; terms: a_h a_w c_in/g. A thread fetches
// 4 channels of a row of A and goes from pixel to pixel along the taps; a slice of W is rows of a matrix.
// Napkin, 56x56x64 -> 64, 3x3, batch 64: 14.8 GFLOP are 0.22 ms at 67 TFLOP/s. X and Y have 51 MB each, 0.02 ms at
// 4.3 TB/s; X comes 9 times from L2 (the 64 columns are one tile), 0.46 GB, some 0.1 ms: hidden by the multiply-adds.
#include "warp_tile.cuh"

template <typename Real, int kVector, int kM, int kN, int kK, int kRows, int kColumns, int kLanesM>
__global__ void __launch_bounds__(WarpTile<Real, kM, kN, kK, kRows, kColumns, kLanesM>::kThreads,
                                  WarpTile<Real, kM, kN, kK, kRows, kColumns, kLanesM>::kBlocks)
    warp_tiled_forward(const Real* __restrict__ x, const Real* __restrict__ w, Real* __restrict__ y, Problem p) {
    using T = WarpTile<Real, kM, kN, kK, kRows, kColumns, kLanesM>;
    using A = AlongTerms<Real, T::kEach, kVector, GatheredPixel>;
    using B = MatrixRows<Real, T::kEach, kVector>;
    __shared__ typename T::Shared shared;

    __shared__ WarpTask task;
    __shared__ PixelBase pixels[kM][kK / T::kEach];  // of each stager of A: it needs its own only at the next tap
    if (threadIdx.x == 0) {
        task = warp_task(tiles_over(p.output_pixels(), kM), p.c_out_per_group(), kN, 1, p.groups);
    }
    __syncthreads();

    int channels = p.c_in_per_group(), terms = p.taps() * channels;
    Taps taps = {taps_reading(p.kernel_height, p.dilation_height, p.pad_top),
                 taps_reading(p.kernel_width, p.dilation_width, p.pad_left)};
    auto a = [&](typename T::Place at) {
        PixelBase& base = pixels[at.line][at.term / T::kEach];
        base = base_of_output(p, task.tile_row * kM + at.line, task.group * channels);
        return A(x, {base, p.height, p.width, p.c_in, taps}, channels, at.term);
    };
    auto b = [&](typename T::Place at) {
        int column = task.tile_column * kN + at.line;
        const Real* first = w + static_cast<long long>(at.term) * p.c_out + task.group * task.columns + column;
        return B(first, p.c_out, terms - at.term, task.columns - column);
    };
    T tile;
    tile.template multiply<A, B>(a, b, slices_of(terms, kK), shared);

    long long first_row = task.tile_row * kM;
    int first_column = task.tile_column * kN;
    Real* corner = y + first_row * p.c_out + task.group * task.columns + first_column;
    DenseRows<Real> result = {corner, p.c_out, p.output_pixels() - first_row};
    tile.template write<kVector, Real>(result, task.columns - first_column);
}
