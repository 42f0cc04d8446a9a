// Histogram in shared memory. histogram256: Podlozhnyuk, "Histogram calculation in CUDA" (NVIDIA, 2007), a table per
// warp and bytes read four at a time; histogramPrivatized: one table per block for any number of bins, as in Kirk and
// Hwu, "Programming Massively Parallel Processors", ch. 9.

#define BIN_COUNT 256
#define WARP_COUNT 4
#define LOG2_WARP_SIZE 5U
#define UMUL(a, b) ((a) * (b))
#define TAG_MASK 0xFFFFFFFFU

typedef unsigned int uint32;

inline __device__ void addByte(uint32* s_WarpHist, uint32 data) { atomicAdd(s_WarpHist + data, 1); }

inline __device__ void addWord(uint32* s_WarpHist, uint32 data) {
  addByte(s_WarpHist, (data >> 0) & 0xFFU);
  addByte(s_WarpHist, (data >> 8) & 0xFFU);
  addByte(s_WarpHist, (data >> 16) & 0xFFU);
  addByte(s_WarpHist, (data >> 24) & 0xFFU);
}

extern "C" __global__ void histogram256(uint32* d_Histogram, const uint32* d_Data, uint32 dataCount) {
  __shared__ uint32 s_Hist[WARP_COUNT * BIN_COUNT];
  uint32* s_WarpHist = s_Hist + (threadIdx.x >> LOG2_WARP_SIZE) * BIN_COUNT;

  for (uint32 i = threadIdx.x; i < WARP_COUNT * BIN_COUNT; i += blockDim.x) s_Hist[i] = 0;
  __syncthreads();

  for (uint32 pos = UMUL(blockIdx.x, blockDim.x) + threadIdx.x; pos < dataCount; pos += UMUL(blockDim.x, gridDim.x))
    addWord(s_WarpHist, d_Data[pos]);
  __syncthreads();

  for (uint32 bin = threadIdx.x; bin < BIN_COUNT; bin += blockDim.x) {
    uint32 sum = 0;
#pragma unroll
    for (uint32 i = 0; i < WARP_COUNT; i++) sum += s_Hist[bin + i * BIN_COUNT] & TAG_MASK;
    atomicAdd(&d_Histogram[bin], sum);
  }
}

extern "C" __global__ void histogramPrivatized(const unsigned char* __restrict__ input, unsigned int* bins,
                                               unsigned int num_elements, unsigned int num_bins) {
  extern __shared__ unsigned int histo_s[];
  for (unsigned int b = threadIdx.x; b < num_bins; b += blockDim.x) histo_s[b] = 0u;
  __syncthreads();

  // runs of equal values cost one atomic
  unsigned int accumulator = 0;
  int prev = -1;
  const unsigned int tid = blockIdx.x * blockDim.x + threadIdx.x;
  for (unsigned int i = tid; i < num_elements; i += blockDim.x * gridDim.x) {
    const int b = input[i] % num_bins;
    if (b != prev) {
      if (accumulator > 0) atomicAdd(&(histo_s[prev]), accumulator);
      accumulator = 1;
      prev = b;
    } else {
      accumulator++;
    }
  }
  if (accumulator > 0) atomicAdd(&(histo_s[prev]), accumulator);
  __syncthreads();

  for (unsigned int b = threadIdx.x; b < num_bins; b += blockDim.x) {
    const unsigned int value = histo_s[b];
    if (value > 0) atomicAdd(bins + b, value);
  }
}
