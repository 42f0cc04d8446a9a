// The fast Walsh-Hadamard transform (Good, 1958; Fino and Algazi, 1976), radix 4 in shared memory with a radix-2 step
// where the order is odd, and radix-4 steps in global memory before it: NVIDIA's sample fastWalshTransform.

extern "C" __global__ void fwtBatch1Kernel(float* d_Output, const float* d_Input, int log2N) {
  extern __shared__ float s_data[];
  const int N = 1 << log2N;
  const int base = blockIdx.x << log2N;
  const float* d_Src = d_Input + base;
  float* d_Dst = d_Output + base;

  for (int pos = threadIdx.x; pos < N; pos += blockDim.x) s_data[pos] = d_Src[pos];

  const int pos = threadIdx.x;
  for (int stride = N >> 2; stride > 0; stride >>= 2) {
    int lo = pos & (stride - 1);
    int i0 = ((pos - lo) << 2) + lo;
    int i1 = i0 + stride;
    int i2 = i1 + stride;
    int i3 = i2 + stride;

    __syncthreads();
    float D0 = s_data[i0], D1 = s_data[i1], D2 = s_data[i2], D3 = s_data[i3];
    float T = D0;
    D0 = D0 + D2;
    D2 = T - D2;
    T = D1;
    D1 = D1 + D3;
    D3 = T - D3;
    T = D0;
    s_data[i0] = D0 + D1;
    s_data[i1] = T - D1;
    T = D2;
    s_data[i2] = D2 + D3;
    s_data[i3] = T - D3;
  }

  if (log2N & 1) {  // a single radix-2 step
    __syncthreads();
    for (int p = threadIdx.x; p < N / 2; p += blockDim.x) {
      int i0 = p << 1, i1 = i0 + 1;
      float D0 = s_data[i0], D1 = s_data[i1];
      s_data[i0] = D0 + D1;
      s_data[i1] = D0 - D1;
    }
  }
  __syncthreads();
  for (int p = threadIdx.x; p < N; p += blockDim.x) d_Dst[p] = s_data[p];
}

extern "C" __global__ void fwtBatch2Kernel(float* d_Output, float* d_Input, int stride) {
  const int pos = blockIdx.x * blockDim.x + threadIdx.x;
  const int N = blockDim.x * gridDim.x * 4;
  float* d_Src = d_Input + blockIdx.y * N;
  float* d_Dst = d_Output + blockIdx.y * N;

  int lo = pos & (stride - 1);
  int i0 = ((pos - lo) << 2) + lo, i1 = i0 + stride, i2 = i1 + stride, i3 = i2 + stride;
  float D0 = d_Src[i0], D1 = d_Src[i1], D2 = d_Src[i2], D3 = d_Src[i3];
  float T;
  T = D0, D0 = D0 + D2, D2 = T - D2;
  T = D1, D1 = D1 + D3, D3 = T - D3;
  T = D0, d_Dst[i0] = D0 + D1, d_Dst[i1] = T - D1;
  T = D2, d_Dst[i2] = D2 + D3, d_Dst[i3] = T - D3;
}
