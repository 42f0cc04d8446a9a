// European options: Black and Scholes (1973), the cumulative normal distribution by Hastings' polynomial (Abramowitz
// and Stegun, 26.2.17), as in Podlozhnyuk, "Black-Scholes option pricing" (NVIDIA, 2007). American ones: a binomial
// tree by Cox, Ross and Rubinstein (1979) in shared memory, one block each.

__device__ inline float cndGPU(float d) {
  const float A1 = 0.31938153f;
  const float A2 = -0.356563782f;
  const float A3 = 1.781477937f;
  const float A4 = -1.821255978f;
  const float A5 = 1.330274429f;
  const float RSQRT2PI = 0.39894228040143267793994605993438f;

  float K = __fdividef(1.0f, (1.0f + 0.2316419f * fabsf(d)));
  float cnd = RSQRT2PI * __expf(-0.5f * d * d) * (K * (A1 + K * (A2 + K * (A3 + K * (A4 + K * A5)))));
  if (d > 0) cnd = 1.0f - cnd;
  return cnd;
}

extern "C" __launch_bounds__(128) __global__
    void BlackScholesGPU(float2* __restrict d_CallResult, float2* __restrict d_PutResult, const float2* __restrict S_,
                         const float2* __restrict X_, const float2* __restrict T_, float Riskfree, float Volatility,
                         int optN) {
  const int opt = blockDim.x * blockIdx.x + threadIdx.x;
  if (opt >= optN / 2) return;
  const float2 S2 = S_[opt], X2 = X_[opt], T2 = T_[opt];
  float call[2], put[2];
  const float S[2] = {S2.x, S2.y}, X[2] = {X2.x, X2.y}, T[2] = {T2.x, T2.y};
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    float sqrtT = __fdividef(1.0F, rsqrtf(T[i]));
    float d1 = __fdividef(__logf(S[i] / X[i]) + (Riskfree + 0.5f * Volatility * Volatility) * T[i], Volatility * sqrtT);
    float d2 = d1 - Volatility * sqrtT;
    float CNDD1 = cndGPU(d1), CNDD2 = cndGPU(d2);
    float expRT = __expf(-Riskfree * T[i]);
    call[i] = S[i] * CNDD1 - X[i] * expRT * CNDD2;
    put[i] = X[i] * expRT * (1.0f - CNDD2) - S[i] * (1.0f - CNDD1);
  }
  d_CallResult[opt] = make_float2(call[0], call[1]);
  d_PutResult[opt] = make_float2(put[0], put[1]);
}

extern "C" __global__ void americanPut(const double* S, const double* X, double* price, double u, double p,
                                       double discount, int steps) {
  extern __shared__ double value[];
  const double s = S[blockIdx.x], x = X[blockIdx.x];
  for (int i = threadIdx.x; i <= steps; i += blockDim.x) value[i] = fmax(x - s * pow(u, 2.0 * i - steps), 0.0);
  for (int t = steps - 1; t >= 0; --t) {
    __syncthreads();
    double next[4];
    for (int i = threadIdx.x, k = 0; i <= t; i += blockDim.x, ++k)
      next[k] = fmax(discount * (p * value[i + 1] + (1 - p) * value[i]), x - s * pow(u, 2.0 * i - t));
    __syncthreads();
    for (int i = threadIdx.x, k = 0; i <= t; i += blockDim.x, ++k) value[i] = next[k];
  }
  if (threadIdx.x == 0) price[blockIdx.x] = value[0];
}
