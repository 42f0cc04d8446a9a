// y = a x + y and a dot product in half precision, two elements at a time. Harris, "Mixed-Precision Programming with
// CUDA 8" (NVIDIA, 2016), and NVIDIA's sample fp16ScalarProduct.
#include <cuda_fp16.h>

extern "C" __global__ void haxpy(int n, half a, const half* x, half* y) {
  int start = threadIdx.x + blockDim.x * blockIdx.x;
  int stride = blockDim.x * gridDim.x;

  int n2 = n / 2;
  half2* x2 = (half2*)x;
  half2* y2 = (half2*)y;
  for (int i = start; i < n2; i += stride) y2[i] = __hfma2(__halves2half2(a, a), x2[i], y2[i]);

  // the odd one
  if (start == 0 && (n % 2)) y[n - 1] = __hfma(a, x[n - 1], y[n - 1]);
}

extern "C" __global__ void __launch_bounds__(128)
    scalarProduct(const half2* __restrict__ a, const half2* __restrict__ b, float* __restrict__ results, size_t size) {
  __shared__ half2 shArray[128];
  const int stride = gridDim.x * blockDim.x;
  shArray[threadIdx.x] = __float2half2_rn(0.f);

  half2 value = __float2half2_rn(0.f);
  for (int i = threadIdx.x + blockDim.x * blockIdx.x; i < size; i += stride) value = __hfma2(a[i], b[i], value);
  shArray[threadIdx.x] = value;
  __syncthreads();

  for (int s = 64; s > 0; s >>= 1) {
    if (threadIdx.x < s) shArray[threadIdx.x] = __hadd2(shArray[threadIdx.x], shArray[threadIdx.x + s]);
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    half2 result = shArray[0];
    results[blockIdx.x] = __low2float(result) + __high2float(result);
  }
}
