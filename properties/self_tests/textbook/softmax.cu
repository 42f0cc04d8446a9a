// Softmax of each row, one warp per row, reading the row twice instead of three times. Milakov and Gimelshein, "Online
// normalizer calculation for softmax" (2018): maximum and denominator in one pass, merged pairwise.

#define FLT_LOWEST -3.402823466e+38F
#define WARP 32

struct __align__(8) MD {
  float m;  // maximum so far
  float d;  // sum of exp(x - m) so far
};

__device__ __forceinline__ MD reduce_md_op(MD a, MD b) {
  const bool a_bigger = (a.m > b.m);
  const MD bigger_m = a_bigger ? a : b;
  const MD smaller_m = a_bigger ? b : a;
  MD res;
  res.d = bigger_m.d + smaller_m.d * expf(smaller_m.m - bigger_m.m);
  res.m = bigger_m.m;
  return res;
}

template <int WARPS_PER_BLOCK>
__launch_bounds__(WARPS_PER_BLOCK* WARP) __global__
    void online_softmax(const float* __restrict__ x, float* __restrict__ y, int rows, int V) {
  const int row = blockIdx.x * WARPS_PER_BLOCK + threadIdx.y;
  if (row >= rows) return;  // whole warps
  x += (size_t)row * V;
  y += (size_t)row * V;

  MD md_partial;
  md_partial.m = FLT_LOWEST;
  md_partial.d = 0.0F;
  for (int i = threadIdx.x; i < V; i += WARP) {
    MD new_elem;
    new_elem.m = __ldg(x + i);
    new_elem.d = 1.0F;
    md_partial = reduce_md_op(md_partial, new_elem);
  }

#pragma unroll
  for (int mask = WARP / 2; mask > 0; mask >>= 1) {
    MD other = {__shfl_xor_sync(0xffffffff, md_partial.m, mask), __shfl_xor_sync(0xffffffff, md_partial.d, mask)};
    md_partial = reduce_md_op(md_partial, other);
  }

  const float d_total_inverse = 1.0F / md_partial.d;
  for (int i = threadIdx.x; i < V; i += WARP) y[i] = expf(x[i] - md_partial.m) * d_total_inverse;
}

// The three-pass version, one block per row: maximum, sum, quotient.
extern "C" __global__ void softmax_block(float* __restrict__ out, const float* __restrict__ inp, int C) {
  extern __shared__ float shared[];
  const int tid = threadIdx.x, warpId = threadIdx.x / 32, laneId = threadIdx.x % 32;
  const int warpsPerBlock = blockDim.x / 32;
  float* maxvals = shared;
  float* sumvals = &shared[warpsPerBlock];
  const float* x = inp + blockIdx.x * C;

  float maxval = FLT_LOWEST;
  for (int i = tid; i < C; i += blockDim.x) maxval = fmaxf(maxval, x[i]);
  for (int offset = 16; offset > 0; offset /= 2) maxval = fmaxf(maxval, __shfl_down_sync(0xFFFFFFFF, maxval, offset));
  if (laneId == 0) maxvals[warpId] = maxval;
  __syncthreads();
  if (tid == 0) {
    float val = maxvals[tid];
    for (int i = 1; i < warpsPerBlock; i++) val = fmaxf(val, maxvals[i]);
    maxvals[0] = val;
  }
  __syncthreads();
  const float shift = maxvals[0];

  for (int i = tid; i < C; i += blockDim.x) out[blockIdx.x * C + i] = expf(x[i] - shift);

  x = out + blockIdx.x * C;  // each thread reads what itself has written
  float sumval = 0.0f;
  for (int i = tid; i < C; i += blockDim.x) sumval += x[i];
  for (int offset = 16; offset > 0; offset /= 2) sumval += __shfl_down_sync(0xFFFFFFFF, sumval, offset);
  if (laneId == 0) sumvals[warpId] = sumval;
  __syncthreads();
  if (tid == 0) {
    float val = sumvals[tid];
    for (int i = 1; i < warpsPerBlock; ++i) val += sumvals[i];
    sumvals[0] = val;
  }
  __syncthreads();
  const float sum = sumvals[0];
  for (int i = tid; i < C; i += blockDim.x) out[blockIdx.x * C + i] = x[i] / sum;
}
