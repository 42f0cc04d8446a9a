// Forward pass with up to four input or output channels a group.
//
//     Y[i,j,k,l] = sum over (m,n,p) of X[i, y(j,m), x(k,n), g(l) c_in/g + p] W[m,n,p,l]        terms outside X are zero
//
// An implicit GEMM would fill its slices of the sum with three channels of a tap, or its columns with three of Y. Here
// the pixels that a tile's windows share are staged once, for all taps: few_to_many.cuh and many_to_few.cuh.
#include "few_to_many.cuh"
#include "many_to_few.cuh"

// A block: a tile of output pixels of an image, and kColumns output channels of a group.
template <typename Real>
__global__ void __launch_bounds__(kThreads, 2)
    few_inputs_forward(const Real* __restrict__ x, const Real* __restrict__ w, Real* __restrict__ y, Problem p,
                       int tile_height, int tile_width) {
    int few = p.c_in_per_group(), many = p.c_out_per_group();
    FewTask task = few_task(blockIdx.x, (p.out_width - 1) / tile_width + 1, (p.out_height - 1) / tile_height + 1,
                            p.batch, p.groups);
    int first = static_cast<int>(task.rest) * kColumns, channel = task.group * many + first;
    const Real* image = x + static_cast<long long>(task.image) * p.height * p.width * p.c_in + task.group * few;
    Real* result = y + static_cast<long long>(task.image) * p.out_height * p.out_width * p.c_out + channel;
    few_to_many(image, w + channel, result, reading_down(p, task.down, tile_height),
                reading_across(p, task.across, tile_width), tile_width, p.kernel_width, p.taps(), few, p.c_in,
                many - first, p.out_width, p.c_out, {static_cast<long long>(few) * p.c_out, p.c_out, 1});
}

// A block: a tile of output pixels of an image, in all output channels of a group.
template <typename Real>
__global__ void __launch_bounds__(kThreads, 2)
    few_outputs_forward(const Real* __restrict__ x, const Real* __restrict__ w, Real* __restrict__ y, Problem p,
                        int tile_height, int tile_width) {
    int many = p.c_in_per_group(), few = p.c_out_per_group();
    FewTask task = few_task(blockIdx.x, (p.out_width - 1) / tile_width + 1, (p.out_height - 1) / tile_height + 1,
                            p.batch, p.groups);
    const Real* image = x + static_cast<long long>(task.image) * p.height * p.width * p.c_in + task.group * many;
    Real* result = y + static_cast<long long>(task.image) * p.out_height * p.out_width * p.c_out + task.group * few;
    many_to_few(image, w + task.group * few, result, reading_down(p, task.down, tile_height),
                reading_across(p, task.across, tile_width), tile_width, p.kernel_width, p.taps(), many, p.c_in, few,
                p.out_width, p.c_out, {static_cast<long long>(many) * p.c_out, 1, p.c_out});
}
