// The position of the greatest element, the first of equals, with value and position packed into 64 bits. The loop
// around atomicCAS is the "CUDA C++ Programming Guide"'s recipe for an atomic that the hardware lacks.

typedef unsigned long long ull;

// Order-preserving: negative floats turn over, positive ones move above them.
__device__ __forceinline__ unsigned int sortable(float f) {
  const unsigned int bits = __float_as_uint(f);
  return bits ^ ((bits & 0x80000000u) ? 0xffffffffu : 0x80000000u);
}

__device__ __forceinline__ ull packed(float value, unsigned int index) {
  return ((ull)sortable(value) << 32) | (0xffffffffu - index);  // of equals, the first is the greatest
}

extern "C" __global__ void argmaxCas(const float* __restrict__ x, ull* best, unsigned int n) {
  const unsigned int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const ull mine = packed(x[i], i);
  ull old = atomicAdd(best, 0ULL), assumed;
  while (old < mine) {
    assumed = old;
    old = atomicCAS(best, assumed, mine);
    if (old == assumed) break;
  }
}

extern "C" __global__ void argmaxBlock(const float* __restrict__ x, ull* best, unsigned int n) {
  __shared__ ull s_best;
  if (threadIdx.x == 0) s_best = 0;
  __syncthreads();
  ull mine = 0;
  for (unsigned int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    mine = max(mine, packed(x[i], i));
#pragma unroll
  for (int offset = 16; offset; offset >>= 1) {
    const ull other = __shfl_down_sync(0xffffffffu, mine, offset);
    if (other > mine) mine = other;
  }
  if ((threadIdx.x & 31) == 0) atomicMax(&s_best, mine);
  __syncthreads();
  if (threadIdx.x == 0) atomicMax(best, s_best);
}

// double has no atomicMax either
__device__ double atomicMaxDouble(double* address, double val) {
  ull* address_as_ull = (ull*)address;
  ull old = atomicCAS(address_as_ull, 0ULL, 0ULL), assumed;
  do {
    assumed = old;
    old = atomicCAS(address_as_ull, assumed, __double_as_longlong(fmax(val, __longlong_as_double(assumed))));
  } while (assumed != old);
  return __longlong_as_double(old);
}

extern "C" __global__ void maxDouble(const double* __restrict__ x, double* best, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicMaxDouble(best, x[i]);
}
