// softmax(Q K^T / sqrt(d)) V without ever holding a row of scores. Dao, Fu, Ermon, Rudra and Re, "FlashAttention"
// (2022), algorithm 1 for one head: tiles of keys and values in shared memory, a running maximum and denominator per
// row. One thread owns one row of Q; optional causal mask.

template <int Br, int Bc, int D, bool CAUSAL>
__global__ void __launch_bounds__(Br) flash_forward(const float* __restrict__ Q, const float* __restrict__ K,
                                                   const float* __restrict__ V, float* __restrict__ O,
                                                   float* __restrict__ L, int N, float scale) {
  extern __shared__ __align__(16) unsigned char smem_raw[];
  float* Kj = reinterpret_cast<float*>(smem_raw);
  float* Vj = Kj + Bc * D;
  float* S = Vj + Bc * D;  // Br x Bc, one row per thread

  const int tx = threadIdx.x;
  const int row = blockIdx.x * Br + tx;
  const size_t head = (size_t)blockIdx.y * N * D;
  float q[D], o[D];
#pragma unroll
  for (int x = 0; x < D; x++) {
    q[x] = row < N ? Q[head + row * D + x] : 0.0f;
    o[x] = 0.0f;
  }
  float m = -1e30f, l = 0.0f;

  const int last = CAUSAL ? min(N, (blockIdx.x + 1) * Br) : N;
  for (int j = 0; j < last; j += Bc) {
    const int there = min(Bc, N - j);
    for (int i = tx; i < there * D; i += Br) {
      Kj[i] = K[head + j * D + i];
      Vj[i] = V[head + j * D + i];
    }
    __syncthreads();

    const int seen = CAUSAL ? min(there, row - j + 1) : there;  // none, where it is not positive
    float m_new = m;
    for (int y = 0; y < seen; y++) {
      float sum = 0.0f;
#pragma unroll
      for (int x = 0; x < D; x++) sum += q[x] * Kj[y * D + x];
      sum *= scale;
      S[Bc * tx + y] = sum;
      m_new = fmaxf(m_new, sum);
    }
    const float correction = __expf(m - m_new);
    l *= correction;
#pragma unroll
    for (int x = 0; x < D; x++) o[x] *= correction;
    for (int y = 0; y < seen; y++) {
      const float p = __expf(S[Bc * tx + y] - m_new);
      l += p;
#pragma unroll
      for (int x = 0; x < D; x++) o[x] += p * Vj[y * D + x];
    }
    m = m_new;
    __syncthreads();
  }

  if (row < N) {
#pragma unroll
    for (int x = 0; x < D; x++) O[head + row * D + x] = __fdividef(o[x], l);
    L[blockIdx.y * N + row] = m + logf(l);
  }
}
