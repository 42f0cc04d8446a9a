// Sums by groups of threads. Harris and Perelygin, "Cooperative Groups: Flexible CUDA Thread Programming" (NVIDIA,
// 2017): a reduction that works for any group; tiles of a block; a group of whoever is there.
#include <cooperative_groups.h>

namespace cg = cooperative_groups;

__device__ int reduce_sum(cg::thread_group g, int* temp, int val) {
  int lane = g.thread_rank();
  for (int i = g.size() / 2; i > 0; i /= 2) {
    temp[lane] = val;
    g.sync();  // wait for all threads to store
    if (lane < i) val += temp[lane + i];
    g.sync();  // wait for all threads to load
  }
  return val;  // only thread 0 returns the full sum
}

__device__ int thread_sum(const int* input, int n) {
  int sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) sum += input[i];
  return sum;
}

extern "C" __global__ void sum_kernel_block(int* sum, const int* input, int n) {
  int my_sum = thread_sum(input, n);
  extern __shared__ int temp[];
  auto g = cg::this_thread_block();
  int block_sum = reduce_sum(g, temp, my_sum);
  if (g.thread_rank() == 0) atomicAdd(sum, block_sum);
}

template <int tile_sz>
__device__ int reduce_sum_tile_shfl(cg::thread_block_tile<tile_sz> g, int val) {
  for (int i = g.size() / 2; i > 0; i /= 2) val += g.shfl_down(val, i);
  return val;
}

template <int tile_sz>
__global__ void sum_kernel_tile(int* sum, const int* input, int n) {
  int my_sum = thread_sum(input, n);
  auto tile = cg::tiled_partition<tile_sz>(cg::this_thread_block());
  int tile_sum = reduce_sum_tile_shfl<tile_sz>(tile, my_sum);
  if (tile.thread_rank() == 0) atomicAdd(sum, tile_sum);
}

// Each tile sums its own row; the block then votes whether every row was positive.
extern "C" __global__ void row_sums(const float* __restrict__ rows, float* __restrict__ sums, int* all_positive,
                                    int count, int width) {
  cg::thread_block block = cg::this_thread_block();
  cg::thread_block_tile<16> tile = cg::tiled_partition<16>(block);
  __shared__ int positive;
  if (block.thread_rank() == 0) positive = 0;
  cg::sync(block);

  const int row = block.group_index().x * (block.size() / tile.size()) + tile.meta_group_rank();
  float sum = 0.0f;
  if (row < count) {
    for (int i = tile.thread_rank(); i < width; i += tile.size()) sum += rows[row * width + i];
    for (int mask = tile.size() / 2; mask > 0; mask /= 2) sum += tile.shfl_xor(sum, mask);
    if (tile.thread_rank() == 0) sums[row] = sum;
  }
  const bool fine = tile.all(row >= count || sum > 0.0f);
  if (tile.thread_rank() == 0 && fine) atomicAdd(&positive, 1);
  block.sync();
  if (block.thread_rank() == 0 && positive == tile.meta_group_size()) atomicAdd(all_positive, 1);
}

// Warp-aggregated increment: Adinetz, "Optimized Filtering with Warp-Aggregated Atomics" (NVIDIA, 2014).
__device__ int atomicAggInc(int* ptr) {
  cg::coalesced_group g = cg::coalesced_threads();
  int prev;
  if (g.thread_rank() == 0) prev = atomicAdd(ptr, g.size());
  prev = g.thread_rank() + g.shfl(prev, 0);
  return prev;
}

extern "C" __global__ void filter_k(int* dst, int* nres, const int* src, int n, int threshold) {
  int i = threadIdx.x + blockIdx.x * blockDim.x;
  if (i >= n) return;
  if (src[i] > threshold) dst[atomicAggInc(nres)] = src[i];
}
