// Stream compaction: keeps what satisfies a predicate. compactStable keeps the order: Billeter, Olsson and Assarsson,
// "Efficient Stream Compaction on Wide SIMD Many-Core Architectures" (2009), ballots and population counts within a
// warp, a prefix sum between warps. compactAny lets warps come as they may, one atomic per warp.

#define WARP_SIZE 32

template <int PER_BLOCK_WARPS>
__global__ void compactStable(const int* __restrict__ in, int* __restrict__ out, const int* __restrict__ blockOffsets,
                              int n, int divisor) {
  __shared__ int warpCounts[PER_BLOCK_WARPS];
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const int lane = threadIdx.x % WARP_SIZE, warp = threadIdx.x / WARP_SIZE;

  const int value = i < n ? in[i] : 0;
  const bool keep = i < n && value % divisor == 0;
  const unsigned int kept = __ballot_sync(0xffffffff, keep);
  if (lane == 0) warpCounts[warp] = __popc(kept);
  __syncthreads();

  if (keep) {
    int at = blockOffsets[blockIdx.x] + __popc(kept & ~(~0u << lane));
    for (int w = 0; w < warp; ++w) at += warpCounts[w];
    out[at] = value;
  }
}

extern "C" __global__ void countKept(const int* __restrict__ in, int* blockCounts, int n, int divisor) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const int count = __syncthreads_count(i < n && in[i] % divisor == 0);
  if (threadIdx.x == 0) blockCounts[blockIdx.x] = count;
}

extern "C" __global__ void compactAny(const int* __restrict__ in, int* out, int* counter, int n, int divisor) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const int lane = threadIdx.x & 31;
  const bool keep = i < n && in[i] % divisor == 0;
  const unsigned int active = __ballot_sync(0xffffffffu, keep);
  if (!__any_sync(0xffffffffu, keep)) return;
  const int leader = __ffs(active) - 1;
  int base;
  if (lane == leader) base = atomicAdd(counter, __popc(active));
  base = __shfl_sync(0xffffffffu, base, leader);
  if (keep) out[base + __popc(active & ((1u << lane) - 1))] = in[i];
}
