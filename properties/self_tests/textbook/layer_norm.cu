// Layer normalisation (Ba, Kiros and Hinton, 2016) of each row. welford: one pass, Welford, "Note on a method for
// calculating corrected sums of squares and products" (1962), lanes merged by Chan, Golub and LeVeque's formula (1979),
// one warp per row. two_pass: mean, then variance, four columns per load, one block per row.

struct WelfordData {
  float count, mean, m2;
};

__device__ __forceinline__ void welfordAdd(WelfordData& w, const float x) {
  w.count += 1.0f;
  const float delta = x - w.mean;
  w.mean += delta / w.count;
  w.m2 += delta * (x - w.mean);
}

__device__ __forceinline__ WelfordData welfordMerge(const WelfordData a, const WelfordData b) {
  if (b.count == 0.0f) return a;
  const float count = a.count + b.count;
  const float delta = b.mean - a.mean;
  const float share = b.count / count;
  return WelfordData{count, a.mean + delta * share, a.m2 + b.m2 + delta * delta * a.count * share};
}

__device__ WelfordData welfordWarpReduce(WelfordData w) {
  for (int offset = 16; offset >= 1; offset >>= 1) {
    WelfordData other;
    other.count = __shfl_down_sync(0xffffffffu, w.count, offset, 32);
    other.mean = __shfl_down_sync(0xffffffffu, w.mean, offset, 32);
    other.m2 = __shfl_down_sync(0xffffffffu, w.m2, offset, 32);
    w = welfordMerge(w, other);
  }
  return w;
}

extern "C" __global__ void layernorm_welford(const float* __restrict__ x, const float* __restrict__ gamma,
                                             const float* __restrict__ beta, float* __restrict__ y, int rows, int cols,
                                             float eps) {
  const int warps = blockDim.x / 32, lane = threadIdx.x & 31;
  for (int row = blockIdx.x * warps + threadIdx.x / 32; row < rows; row += gridDim.x * warps) {
    WelfordData w = {0.0f, 0.0f, 0.0f};
    for (int c = lane; c < cols; c += 32) welfordAdd(w, x[row * cols + c]);
    w = welfordWarpReduce(w);
    const float mean = __shfl_sync(0xffffffffu, w.mean, 0);
    const float rstd = rsqrtf(__shfl_sync(0xffffffffu, w.m2, 0) / cols + eps);
    for (int c = lane; c < cols; c += 32)
      y[row * cols + c] = (x[row * cols + c] - mean) * rstd * gamma[c] + beta[c];
  }
}

template <int THREADS>
__device__ float blockSum(float value) {
  __shared__ float partial[THREADS / 32];
  __shared__ float total;
#pragma unroll
  for (int mask = 16; mask; mask /= 2) value += __shfl_xor_sync(0xffffffffu, value, mask);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x == 0) {
    float sum = 0.0f;
    for (int i = 0; i < THREADS / 32; ++i) sum += partial[i];
    total = sum;
  }
  __syncthreads();
  return total;
}

inline __device__ float4 operator-(float4 a, float b) { return make_float4(a.x - b, a.y - b, a.z - b, a.w - b); }
inline __device__ float4 operator*(float4 a, float b) { return make_float4(a.x * b, a.y * b, a.z * b, a.w * b); }
inline __device__ float dot(float4 a, float4 b) { return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w; }

template <int THREADS>
__global__ __launch_bounds__(THREADS) void layernorm_two_pass(const float4* __restrict__ x,
                                                              const float4* __restrict__ gamma,
                                                              const float4* __restrict__ beta, float4* __restrict__ y,
                                                              int cols4, float eps) {
  x += blockIdx.x * cols4;
  y += blockIdx.x * cols4;
  const float4 ones = make_float4(1.0f, 1.0f, 1.0f, 1.0f);
  float sum = 0.0f;
  for (int c = threadIdx.x; c < cols4; c += THREADS) sum += dot(__ldg(&x[c]), ones);
  const float mean = blockSum<THREADS>(sum) / (4 * cols4);

  float squares = 0.0f;
  for (int c = threadIdx.x; c < cols4; c += THREADS) {
    const float4 centred = x[c] - mean;
    squares += dot(centred, centred);
  }
  const float rstd = rsqrtf(blockSum<THREADS>(squares) / (4 * cols4) + eps);

  for (int c = threadIdx.x; c < cols4; c += THREADS) {
    const float4 n = (x[c] - mean) * rstd, g = gamma[c], b = beta[c];
    y[c] = make_float4(n.x * g.x + b.x, n.y * g.y + b.y, n.z * g.z + b.z, n.w * g.w + b.w);
  }
}
