// D = alpha A B + beta C in half precision on tensor cores, a 16x16 tile per warp: the "CUDA C++ Programming Guide",
// section on warp matrix functions, and Appleyard and Yokim, "Programming Tensor Cores in CUDA 9" (NVIDIA, 2017).
// A is row-major, B column-major; all sizes are multiples of 16.
#include <cuda_fp16.h>
#include <mma.h>

using namespace nvcuda;

const int WMMA_M = 16;
const int WMMA_N = 16;
const int WMMA_K = 16;

extern "C" __global__ void wmma_gemm(const half* a, const half* b, const float* c, float* d, int M, int N, int K,
                                     float alpha, float beta) {
  const int lda = K, ldb = K, ldc = N;
  const int warpM = (blockIdx.x * blockDim.x + threadIdx.x) / warpSize;
  const int warpN = blockIdx.y * blockDim.y + threadIdx.y;
  const int aRow = warpM * WMMA_M, bCol = warpN * WMMA_N;
  if (aRow >= M || bCol >= N) return;  // whole warps

  wmma::fragment<wmma::matrix_a, WMMA_M, WMMA_N, WMMA_K, half, wmma::row_major> a_frag;
  wmma::fragment<wmma::matrix_b, WMMA_M, WMMA_N, WMMA_K, half, wmma::col_major> b_frag;
  wmma::fragment<wmma::accumulator, WMMA_M, WMMA_N, WMMA_K, float> acc_frag;
  wmma::fragment<wmma::accumulator, WMMA_M, WMMA_N, WMMA_K, float> c_frag;

  wmma::fill_fragment(acc_frag, 0.0f);
  for (int i = 0; i < K; i += WMMA_K) {
    wmma::load_matrix_sync(a_frag, a + i + aRow * lda, lda);
    wmma::load_matrix_sync(b_frag, b + bCol * ldb + i, ldb);
    wmma::mma_sync(acc_frag, a_frag, b_frag, acc_frag);
  }

  wmma::load_matrix_sync(c_frag, c + bCol + aRow * ldc, ldc, wmma::mem_row_major);
#pragma unroll
  for (int i = 0; i < c_frag.num_elements; i++) c_frag.x[i] = alpha * acc_frag.x[i] + beta * c_frag.x[i];
  wmma::store_matrix_sync(d + bCol + aRow * ldc, c_frag, ldc, wmma::mem_row_major);
}

// Any size: tiles are padded with zeros in shared memory, and the result leaves through it. One warp per block.
template <typename Acc>
__global__ void __launch_bounds__(32) wmma_gemm_ragged(const half* __restrict__ A, const half* __restrict__ B,
                                                       Acc* __restrict__ D, int M, int N, int K) {
  __shared__ __align__(32) half As[16][16 + 8];
  __shared__ __align__(32) half Bs[16][16 + 8];
  __shared__ __align__(32) Acc Ds[16][16];
  const int row0 = blockIdx.y * 16, col0 = blockIdx.x * 16;

  wmma::fragment<wmma::accumulator, 16, 16, 16, Acc> acc;
  wmma::fill_fragment(acc, Acc(0.0f));
  for (int k0 = 0; k0 < K; k0 += 16) {
    for (int i = threadIdx.x; i < 256; i += 32) {
      const int r = i / 16, c = i % 16;
      As[r][c] = row0 + r < M && k0 + c < K ? A[(row0 + r) * K + k0 + c] : __float2half(0.0f);
      Bs[r][c] = k0 + r < K && col0 + c < N ? B[(k0 + r) * N + col0 + c] : __float2half(0.0f);
    }
    __syncwarp();
    wmma::fragment<wmma::matrix_a, 16, 16, 16, __half, wmma::row_major> a;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, __half, wmma::row_major> b;
    wmma::load_matrix_sync(a, &As[0][0], 24);
    wmma::load_matrix_sync(b, &Bs[0][0], 24);
    wmma::mma_sync(acc, a, b, acc);
    __syncwarp();
  }
  wmma::store_matrix_sync(&Ds[0][0], acc, 16, wmma::mem_row_major);
  __syncwarp();
  for (int i = threadIdx.x; i < 256; i += 32) {
    const int r = i / 16, c = i % 16;
    if (row0 + r < M && col0 + c < N) D[(row0 + r) * N + col0 + c] = Ds[r][c];
  }
}
