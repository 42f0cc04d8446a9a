// Sum in one launch: the block that finishes last adds up what all have left. "CUDA C++ Programming Guide", section on
// memory fence functions, and the sample threadFenceReduction. Whoever draws the last ticket is the last.

#define BLOCK 128

__device__ unsigned int retirementCount = 0;

__device__ __forceinline__ void reduceBlock(volatile float* sdata, const unsigned int tid, float mySum) {
  sdata[tid] = mySum;
  __syncthreads();
#pragma unroll
  for (unsigned int s = BLOCK / 2; s > 0; s >>= 1) {
    if (tid < s) sdata[tid] = mySum = mySum + sdata[tid + s];
    __syncthreads();
  }
}

extern "C" __global__ void __launch_bounds__(BLOCK, 4)
    reduceSinglePass(const float* __restrict__ g_idata, volatile float* g_partial, float* g_odata, unsigned int n) {
  __shared__ float sdata[BLOCK];
  __shared__ bool amLast;
  const unsigned int tid = threadIdx.x;

  float sum = 0.0f;
  for (unsigned int i = blockIdx.x * BLOCK + tid; i < n; i += gridDim.x * BLOCK) sum += g_idata[i];
  reduceBlock(sdata, tid, sum);

  if (gridDim.x == 1) {
    if (tid == 0) g_odata[0] = sdata[0];
    return;
  }

  if (tid == 0) {
    g_partial[blockIdx.x] = sdata[0];
    __threadfence();  // the partial sum is there before the ticket says so
    unsigned int ticket = atomicInc(&retirementCount, gridDim.x);
    amLast = (ticket == gridDim.x - 1);
  }
  __syncthreads();

  if (amLast) {
    sum = 0.0f;
    for (unsigned int i = tid; i < gridDim.x; i += BLOCK) sum += g_partial[i];
    reduceBlock(sdata, tid, sum);
    if (tid == 0) {
      g_odata[0] = sdata[0];
      retirementCount = 0;  // for the next launch
    }
  }
}

// The same with a counter that the caller passes, and that atomicInc itself turns back to zero.
extern "C" __global__ void __launch_bounds__(BLOCK)
    maxSinglePass(const int* __restrict__ in, int* partial, int* out, unsigned int* counter, int n) {
  __shared__ int best[BLOCK];
  __shared__ bool isLastBlockDone;

  int mine = -2147483647 - 1;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) mine = max(mine, in[i]);
  best[threadIdx.x] = mine;
  __syncthreads();
  for (int s = BLOCK / 2; s; s >>= 1) {
    if (threadIdx.x < s) best[threadIdx.x] = max(best[threadIdx.x], best[threadIdx.x + s]);
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = best[0];
    __threadfence();
    unsigned int value = atomicInc(counter, gridDim.x - 1);
    isLastBlockDone = (value == (gridDim.x - 1));
  }
  __syncthreads();
  if (isLastBlockDone && threadIdx.x == 0) {
    int all = partial[0];
    for (int b = 1; b < gridDim.x; ++b) all = max(all, partial[b]);
    *out = all;
  }
}
