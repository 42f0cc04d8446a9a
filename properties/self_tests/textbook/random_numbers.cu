// Random numbers, bit for bit. philox4x32_10: Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as
// 1, 2, 3" (2011), a counter per thread. xorshift128: Marsaglia, "Xorshift RNGs" (2003), a state per thread. Both to
// floats in (0, 1], and the first also to normal deviates by Box and Muller (1958).

#define PHILOX_M4x32_0 0xD2511F53U
#define PHILOX_M4x32_1 0xCD9E8D57U
#define PHILOX_W32_0 0x9E3779B9U
#define PHILOX_W32_1 0xBB67AE85U

__device__ __constant__ float TO_UNIT = 2.3283064e-10f;  // 2^-32
__device__ const float TWO_PI = 6.2831855f;

__device__ __forceinline__ uint4 philox4x32round(uint4 ctr, uint2 key) {
  unsigned int hi0 = __umulhi(PHILOX_M4x32_0, ctr.x), lo0 = PHILOX_M4x32_0 * ctr.x;
  unsigned int hi1 = __umulhi(PHILOX_M4x32_1, ctr.z), lo1 = PHILOX_M4x32_1 * ctr.z;
  return make_uint4(hi1 ^ ctr.y ^ key.x, lo1, hi0 ^ ctr.w ^ key.y, lo0);
}

__host__ __device__ inline uint2 bumped(uint2 key) {
  key.x += PHILOX_W32_0;
  key.y += PHILOX_W32_1;
  return key;
}

__device__ uint4 philox4x32_10(uint4 ctr, uint2 key) {
#pragma unroll
  for (int round = 0; round < 9; ++round) {
    ctr = philox4x32round(ctr, key);
    key = bumped(key);
  }
  return philox4x32round(ctr, key);
}

extern "C" __global__ void philox_bits(uint4* __restrict__ out, int n, unsigned long long seed, uint4 base) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  base.x += i;
  out[i] = philox4x32_10(base, make_uint2((unsigned int)seed, (unsigned int)(seed >> 32)));
}

extern "C" __global__ void philox_normal(float2* __restrict__ out, int n, unsigned int seed) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const uint4 r = philox4x32_10(make_uint4(i, 0, 0, 0), make_uint2(seed, 0));
  const float u = r.x * TO_UNIT + TO_UNIT * 0.5f, v = r.y * TO_UNIT * TWO_PI;
  const float radius = sqrtf(-2.0f * logf(u));
  float s, c;
  sincosf(v, &s, &c);
  out[i] = make_float2(radius * s, radius * c);
}

struct xorshift_state {
  unsigned int x, y, z, w;
};

__device__ unsigned int xorshift128(xorshift_state* state) {
  unsigned int t = state->x ^ (state->x << 11);
  state->x = state->y;
  state->y = state->z;
  state->z = state->w;
  return state->w = state->w ^ (state->w >> 19) ^ t ^ (t >> 8);
}

extern "C" __global__ void xorshift_fill(xorshift_state* states, float* __restrict__ out, int threads, int each) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= threads) return;
  xorshift_state local = states[i];
  for (int k = 0; k < each; ++k) out[k * threads + i] = (xorshift128(&local) >> 8) * (1.0f / 16777216.0f);
  states[i] = local;
}
