// Least-significant-digit radix sort. splitSort: one block, one bit at a time, ranks by ballot: Harris, Sengupta and
// Owens, GPU Gems 3, ch. 39.3.3. radixCount and radixScatter: four bits at a time over many blocks, Satish, Harris and
// Garland, "Designing Efficient Sorting Algorithms for Manycore GPUs" (2009), ranks within a warp by matching digits as
// in Ashkiani et al., "GPU Multisplit" (2016).

#define RADIX_BITS 4
#define RADIX (1 << RADIX_BITS)
#define THREADS 128
#define WARPS (THREADS / 32)

static __device__ __forceinline__ unsigned int laneMaskLt() { return (1u << (threadIdx.x & 31)) - 1u; }

template <int N>
__global__ void __launch_bounds__(N) splitSort(unsigned int* keys, int count) {
  __shared__ unsigned int s_keys[N];
  __shared__ int s_zeros[N / 32];
  const int tid = threadIdx.x, warp = tid >> 5;

  s_keys[tid] = tid < count ? keys[tid] : 0xffffffffu;  // what is not there sorts to the end
  for (int bit = 0; bit < 32; ++bit) {
    const unsigned int key = s_keys[tid];
    const bool zero = !((key >> bit) & 1u);
    const unsigned int ballot = __ballot_sync(0xffffffffu, zero);
    if ((tid & 31) == 0) s_zeros[warp] = __popc(ballot);
    __syncthreads();
    int before = __popc(ballot & laneMaskLt()), zeros = 0;
#pragma unroll
    for (int w = 0; w < N / 32; ++w) {
      if (w < warp) before += s_zeros[w];
      zeros += s_zeros[w];
    }
    s_keys[zero ? before : tid - before + zeros] = key;
    __syncthreads();
  }
  if (tid < count) keys[tid] = s_keys[tid];
}

// counts[digit][block], ready to be scanned
extern "C" __global__ void radixCount(const unsigned int* __restrict__ keys, int* __restrict__ counts, int n,
                                      int shift) {
  __shared__ int s_counts[RADIX];
  if (threadIdx.x < RADIX) s_counts[threadIdx.x] = 0;
  __syncthreads();
  const int i = blockIdx.x * THREADS + threadIdx.x;
  if (i < n) atomicAdd(&s_counts[(keys[i] >> shift) & (RADIX - 1)], 1);
  __syncthreads();
  if (threadIdx.x < RADIX) counts[threadIdx.x * gridDim.x + blockIdx.x] = s_counts[threadIdx.x];
}

extern "C" __global__ void radixScatter(const unsigned int* __restrict__ keys, const unsigned int* __restrict__ values,
                                        const int* __restrict__ offsets, unsigned int* __restrict__ keysOut,
                                        unsigned int* __restrict__ valuesOut, int n, int shift) {
  __shared__ int s_counts[WARPS][RADIX];
  const int i = blockIdx.x * THREADS + threadIdx.x;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (lane < RADIX) s_counts[warp][lane] = 0;
  __syncwarp();

  const unsigned int there = __ballot_sync(~0u, i < n);
  unsigned int key = 0, digit = 0, peers = 0;
  if (i < n) {
    key = keys[i];
    digit = (key >> shift) & (RADIX - 1);
    peers = __match_any_sync(there, digit);
    if (lane == __ffs(peers) - 1) s_counts[warp][digit] = __popc(peers);
  }
  __syncthreads();

  if (i < n) {
    int rank = offsets[digit * gridDim.x + blockIdx.x] + __popc(peers & laneMaskLt());
    for (int w = 0; w < warp; ++w) rank += s_counts[w][digit];
    keysOut[rank] = key;
    valuesOut[rank] = values[i];
  }
}
