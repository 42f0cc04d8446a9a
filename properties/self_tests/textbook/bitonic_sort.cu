// Batcher's bitonic network (1968), keys with values. Short arrays in shared memory, longer ones step by step in global
// memory, as in NVIDIA's sample sortingNetworks.

#define SHARED_SIZE_LIMIT 256U

__device__ inline void Comparator(unsigned int& keyA, unsigned int& valA, unsigned int& keyB, unsigned int& valB,
                                  unsigned int dir) {
  unsigned int t;
  if ((keyA > keyB) == dir) {
    t = keyA;
    keyA = keyB;
    keyB = t;
    t = valA;
    valA = valB;
    valB = t;
  }
}

// Sorts each half-open run of SHARED_SIZE_LIMIT keys, odd runs downwards unless there is only one.
extern "C" __global__ void __launch_bounds__(SHARED_SIZE_LIMIT / 2U)
    bitonicSortShared(unsigned int* d_Key, unsigned int* d_Val, unsigned int arrayLength, unsigned int dir) {
  __shared__ unsigned int s_key[SHARED_SIZE_LIMIT];
  __shared__ unsigned int s_val[SHARED_SIZE_LIMIT];

  d_Key += blockIdx.x * arrayLength + threadIdx.x;
  d_Val += blockIdx.x * arrayLength + threadIdx.x;
  s_key[threadIdx.x + 0] = d_Key[0];
  s_val[threadIdx.x + 0] = d_Val[0];
  s_key[threadIdx.x + (arrayLength / 2)] = d_Key[arrayLength / 2];
  s_val[threadIdx.x + (arrayLength / 2)] = d_Val[arrayLength / 2];
  const unsigned int mine = gridDim.x > 1 ? blockIdx.x & 1 ^ dir : dir;

  for (unsigned int size = 2; size < arrayLength; size <<= 1) {
    unsigned int ddd = mine ^ ((threadIdx.x & (size / 2)) != 0);
    for (unsigned int stride = size / 2; stride > 0; stride >>= 1) {
      __syncthreads();
      unsigned int pos = 2 * threadIdx.x - (threadIdx.x & (stride - 1));
      Comparator(s_key[pos + 0], s_val[pos + 0], s_key[pos + stride], s_val[pos + stride], ddd);
    }
  }
  for (unsigned int stride = arrayLength / 2; stride > 0; stride >>= 1) {
    __syncthreads();
    unsigned int pos = 2 * threadIdx.x - (threadIdx.x & (stride - 1));
    Comparator(s_key[pos + 0], s_val[pos + 0], s_key[pos + stride], s_val[pos + stride], mine);
  }
  __syncthreads();

  d_Key[0] = s_key[threadIdx.x + 0];
  d_Val[0] = s_val[threadIdx.x + 0];
  d_Key[arrayLength / 2] = s_key[threadIdx.x + (arrayLength / 2)];
  d_Val[arrayLength / 2] = s_val[threadIdx.x + (arrayLength / 2)];
}

// One step of a merge: compares keys that are `stride` apart in bitonic runs of `size`.
extern "C" __global__ void bitonicMergeGlobal(unsigned int* d_Key, unsigned int* d_Val, unsigned int arrayLength,
                                              unsigned int size, unsigned int stride, unsigned int dir) {
  unsigned int global_comparatorI = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned int comparatorI = global_comparatorI & (arrayLength / 2 - 1);

  unsigned int ddd = dir ^ ((comparatorI & (size / 2)) != 0);
  unsigned int pos = 2 * global_comparatorI - (global_comparatorI & (stride - 1));
  Comparator(d_Key[pos + 0], d_Val[pos + 0], d_Key[pos + stride], d_Val[pos + stride], ddd);
}
