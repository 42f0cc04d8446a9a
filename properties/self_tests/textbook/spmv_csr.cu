// y = A x + y for a sparse A in compressed rows. Bell and Garland, "Efficient Sparse Matrix-Vector Multiplication on
// CUDA" (NVIDIA, 2008): a thread per row, and a group of lanes per row.

template <typename IndexType, typename ValueType>
__global__ void spmv_csr_scalar_kernel(const IndexType num_rows, const IndexType* __restrict__ Ap,
                                       const IndexType* __restrict__ Aj, const ValueType* __restrict__ Ax,
                                       const ValueType* __restrict__ x, ValueType* y) {
  const IndexType thread_id = blockDim.x * blockIdx.x + threadIdx.x;
  const IndexType grid_size = gridDim.x * blockDim.x;

  for (IndexType row = thread_id; row < num_rows; row += grid_size) {
    const IndexType row_start = Ap[row];
    const IndexType row_end = Ap[row + 1];
    ValueType sum = y[row];
    for (IndexType jj = row_start; jj < row_end; jj++) sum += Ax[jj] * __ldg(&x[Aj[jj]]);
    y[row] = sum;
  }
}

template <typename IndexType, typename ValueType, unsigned int VECTORS_PER_BLOCK, unsigned int THREADS_PER_VECTOR>
__launch_bounds__(VECTORS_PER_BLOCK* THREADS_PER_VECTOR, 1) __global__
    void spmv_csr_vector_kernel(const IndexType num_rows, const IndexType* Ap, const IndexType* Aj,
                                const ValueType* Ax, const ValueType* x, ValueType* y) {
  __shared__ volatile IndexType ptrs[VECTORS_PER_BLOCK][2];

  const IndexType thread_lane = threadIdx.x & (THREADS_PER_VECTOR - 1);
  const IndexType vector_lane = threadIdx.x / THREADS_PER_VECTOR;
  const IndexType vector_id = (VECTORS_PER_BLOCK * blockIdx.x) + vector_lane;
  const IndexType num_vectors = VECTORS_PER_BLOCK * gridDim.x;
  // the lanes of this thread's group
  const unsigned int mask = THREADS_PER_VECTOR == 32
                                ? 0xffffffffu
                                : ((1u << (THREADS_PER_VECTOR % 32)) - 1) << (threadIdx.x % 32 - thread_lane);

  for (IndexType row = vector_id; row < num_rows; row += num_vectors) {
    if (thread_lane < 2) ptrs[vector_lane][thread_lane] = Ap[row + thread_lane];
    __syncwarp(mask);
    const IndexType row_start = ptrs[vector_lane][0];
    const IndexType row_end = ptrs[vector_lane][1];

    ValueType sum = 0;
    for (IndexType jj = row_start + thread_lane; jj < row_end; jj += THREADS_PER_VECTOR) sum += Ax[jj] * x[Aj[jj]];
#pragma unroll
    for (int offset = THREADS_PER_VECTOR / 2; offset > 0; offset >>= 1)
      sum += __shfl_down_sync(mask, sum, offset, THREADS_PER_VECTOR);

    if (thread_lane == 0) y[row] += sum;
    __syncwarp(mask);
  }
}
