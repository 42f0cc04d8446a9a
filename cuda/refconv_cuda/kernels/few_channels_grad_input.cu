// Gradient by X with up to four input or output channels a group: the forward kernels' mirror images.
//
//     dX[i,u,v,q] = sum over (m,n) and the l of q's group of G[i, (u + top - m d_h)/s_h, (v + left - n d_w)/s_w, l]
//                   W[m,n,p(q),l]        over the taps where both quotients are whole and inside G
//
// Few input channels: from G's many channels to few of dX; few output channels: from few of G to many of dX. A tile
// holds pixels that lie a stride apart. They have the same taps, and read neighbouring pixels of G: of the stride
// squared problems that the gradient falls into, each block has one, and no tap is tried in vain.
#include "few_to_many.cuh"
#include "many_to_few.cuh"

__device__ inline FewTask gathering_task(const Problem& p, int tile_height, int tile_width) {
    int down = min(p.stride_height, p.height) * (((p.height - 1) / p.stride_height) / tile_height + 1);
    int across = min(p.stride_width, p.width) * (((p.width - 1) / p.stride_width) / tile_width + 1);
    return few_task(blockIdx.x, across, down, p.batch, p.groups);
}

__device__ inline Axis gathering_down(const Problem& p, int number, int tile) {
    return gathering_axis(number, tile, p.height, p.out_height, p.kernel_height, p.stride_height, p.dilation_height,
                          p.pad_top);
}

__device__ inline Axis gathering_across(const Problem& p, int number, int tile) {
    return gathering_axis(number, tile, p.width, p.out_width, p.kernel_width, p.stride_width, p.dilation_width,
                          p.pad_left);
}

// A block: a tile of input pixels of an image, in all input channels of a group.
template <typename Real>
__global__ void __launch_bounds__(kThreads, 2)
    few_inputs_grad_input(const Real* __restrict__ gy, const Real* __restrict__ w, Real* __restrict__ gx, Problem p,
                          int tile_height, int tile_width) {
    int few = p.c_in_per_group(), many = p.c_out_per_group();
    FewTask task = gathering_task(p, tile_height, tile_width);
    const Real* image =
        gy + static_cast<long long>(task.image) * p.out_height * p.out_width * p.c_out + task.group * many;
    Real* result = gx + static_cast<long long>(task.image) * p.height * p.width * p.c_in + task.group * few;
    many_to_few(image, w + task.group * many, result, gathering_down(p, task.down, tile_height),
                gathering_across(p, task.across, tile_width), tile_width, p.kernel_width, p.taps(), many, p.c_out, few,
                p.width, p.c_in, {static_cast<long long>(few) * p.c_out, p.c_out, 1});
}

// A block: a tile of input pixels of an image, and kColumns input channels of a group.
template <typename Real>
__global__ void __launch_bounds__(kThreads, 2)
    few_outputs_grad_input(const Real* __restrict__ gy, const Real* __restrict__ w, Real* __restrict__ gx, Problem p,
                           int tile_height, int tile_width) {
    int many = p.c_in_per_group(), few = p.c_out_per_group();
    FewTask task = gathering_task(p, tile_height, tile_width);
    int first = static_cast<int>(task.rest) * kColumns;
    const Real* image =
        gy + static_cast<long long>(task.image) * p.out_height * p.out_width * p.c_out + task.group * few;
    const Real* weights = w + static_cast<long long>(first) * p.c_out + task.group * few;
    Real* result = gx + static_cast<long long>(task.image) * p.height * p.width * p.c_in + task.group * many + first;
    few_to_many(image, weights, result, gathering_down(p, task.down, tile_height),
                gathering_across(p, task.across, tile_width), tile_width, p.kernel_width, p.taps(), few, p.c_out,
                many - first, p.width, p.c_in, {static_cast<long long>(many) * p.c_out, 1, p.c_out});
}
