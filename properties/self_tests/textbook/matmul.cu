// C = A B, row-major. matMulTiled: one output per thread, tiles in shared memory, as in Kirk and Hwu, "Programming
// Massively Parallel Processors", ch. 4-5, and the "CUDA C++ Programming Guide", section on shared memory.
// sgemmRegisters: a patch of outputs per thread, after Volkov and Demmel, "Benchmarking GPUs to Tune Dense Linear
// Algebra" (2008).

#ifndef TILE_WIDTH
#define TILE_WIDTH 16
#endif
#define CEIL_DIV(a, b) (((a) + (b) - 1) / (b))

extern "C" __global__ void matMulTiled(const float* A, const float* B, float* C, int M, int N, int K) {
  __shared__ float As[TILE_WIDTH][TILE_WIDTH];
  __shared__ float Bs[TILE_WIDTH][TILE_WIDTH];

  const int tx = threadIdx.x, ty = threadIdx.y;
  const int row = blockIdx.y * TILE_WIDTH + ty;
  const int col = blockIdx.x * TILE_WIDTH + tx;

  float Cvalue = 0;
  for (int ph = 0; ph < CEIL_DIV(K, TILE_WIDTH); ++ph) {
    As[ty][tx] = (row < M && ph * TILE_WIDTH + tx < K) ? A[row * K + ph * TILE_WIDTH + tx] : 0.0f;
    Bs[ty][tx] = (ph * TILE_WIDTH + ty < K && col < N) ? B[(ph * TILE_WIDTH + ty) * N + col] : 0.0f;
    __syncthreads();
#pragma unroll
    for (int k = 0; k < TILE_WIDTH; ++k) Cvalue += As[ty][k] * Bs[k][tx];
    __syncthreads();
  }
  if (row < M && col < N) C[row * N + col] = Cvalue;
}

template <typename T, const int BM, const int BN, const int BK, const int TM, const int TN>
__global__ void __launch_bounds__((BM * BN) / (TM * TN), 1)
    sgemmRegisters(int M, int N, int K, T alpha, const T* __restrict__ A, const T* __restrict__ B, T beta,
                   T* __restrict__ C) {
  constexpr int numThreads = (BM * BN) / (TM * TN);
  static_assert(BM % TM == 0 && BN % TN == 0, "patches fill the tile");
  __shared__ T As[BK * BM];  // transposed
  __shared__ T Bs[BK * BN];

  const int cRow = blockIdx.y * BM, cCol = blockIdx.x * BN;
  const int threadCol = threadIdx.x % (BN / TN);
  const int threadRow = threadIdx.x / (BN / TN);

  T threadResults[TM * TN] = {0};
  T regM[TM], regN[TN];

  for (int bkIdx = 0; bkIdx < K; bkIdx += BK) {
    for (int i = threadIdx.x; i < BM * BK; i += numThreads) {
      const int r = i / BK, k = i % BK;
      As[k * BM + r] = cRow + r < M && bkIdx + k < K ? A[(cRow + r) * K + bkIdx + k] : T(0);
    }
    for (int i = threadIdx.x; i < BK * BN; i += numThreads) {
      const int k = i / BN, c = i % BN;
      Bs[i] = bkIdx + k < K && cCol + c < N ? B[(bkIdx + k) * N + cCol + c] : T(0);
    }
    __syncthreads();

    for (int dot = 0; dot < BK; ++dot) {
#pragma unroll
      for (int i = 0; i < TM; ++i) regM[i] = As[dot * BM + threadRow * TM + i];
#pragma unroll
      for (int j = 0; j < TN; ++j) regN[j] = Bs[dot * BN + threadCol * TN + j];
#pragma unroll
      for (int i = 0; i < TM; ++i)
#pragma unroll
        for (int j = 0; j < TN; ++j) threadResults[i * TN + j] += regM[i] * regN[j];
    }
    __syncthreads();
  }

  for (int i = 0; i < TM; ++i) {
    const int row = cRow + threadRow * TM + i;
    for (int j = 0; j < TN; ++j) {
      const int col = cCol + threadCol * TN + j;
      if (row < M && col < N) C[row * N + col] = alpha * threadResults[i * TN + j] + beta * C[row * N + col];
    }
  }
}
