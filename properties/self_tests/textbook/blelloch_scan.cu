// Exclusive prefix sum by up-sweep and down-sweep. Blelloch, "Prefix Sums and Their Applications" (1990); on a GPU:
// Harris, Sengupta and Owens, "Parallel Prefix Sum (Scan) with CUDA", GPU Gems 3, ch. 39, with their padding against
// bank conflicts. A block scans two elements per thread and leaves its sum for the next level.

#define LOG_NUM_BANKS 5
#define CONFLICT_FREE_OFFSET(n) ((n) >> LOG_NUM_BANKS)

extern "C" __global__ void prescan(int* g_odata, const int* g_idata, int* g_sums, int n) {
  extern __shared__ int temp[];

  const int thid = threadIdx.x;
  const int count = 2 * blockDim.x;  // a power of two
  const int base = blockIdx.x * count;

  int ai = thid;
  int bi = thid + count / 2;
  int bankOffsetA = CONFLICT_FREE_OFFSET(ai);
  int bankOffsetB = CONFLICT_FREE_OFFSET(bi);
  temp[ai + bankOffsetA] = base + ai < n ? g_idata[base + ai] : 0;
  temp[bi + bankOffsetB] = base + bi < n ? g_idata[base + bi] : 0;

  int offset = 1;
  for (int d = count >> 1; d > 0; d >>= 1) {  // up
    __syncthreads();
    if (thid < d) {
      int i = offset * (2 * thid + 1) - 1;
      int j = offset * (2 * thid + 2) - 1;
      i += CONFLICT_FREE_OFFSET(i);
      j += CONFLICT_FREE_OFFSET(j);
      temp[j] += temp[i];
    }
    offset *= 2;
  }

  if (thid == 0) {
    int last = count - 1 + CONFLICT_FREE_OFFSET(count - 1);
    if (g_sums) g_sums[blockIdx.x] = temp[last];
    temp[last] = 0;
  }

  for (int d = 1; d < count; d *= 2) {  // down
    offset >>= 1;
    __syncthreads();
    if (thid < d) {
      int i = offset * (2 * thid + 1) - 1;
      int j = offset * (2 * thid + 2) - 1;
      i += CONFLICT_FREE_OFFSET(i);
      j += CONFLICT_FREE_OFFSET(j);
      int t = temp[i];
      temp[i] = temp[j];
      temp[j] += t;
    }
  }
  __syncthreads();

  if (base + ai < n) g_odata[base + ai] = temp[ai + bankOffsetA];
  if (base + bi < n) g_odata[base + bi] = temp[bi + bankOffsetB];
}

extern "C" __global__ void uniformAdd(int* g_data, const int* __restrict__ uniforms, int n) {
  __shared__ int uni;
  if (threadIdx.x == 0) uni = uniforms[blockIdx.x];
  unsigned int address = blockIdx.x * (blockDim.x << 1) + threadIdx.x;
  __syncthreads();
  if (address < n) g_data[address] += uni;
  if (address + blockDim.x < n) g_data[address + blockDim.x] += uni;
}
