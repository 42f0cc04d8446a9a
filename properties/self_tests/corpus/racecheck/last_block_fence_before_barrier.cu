// Thread 0 fences for its block before the barrier that tells it of the others' writes, and not behind it.
// launch: grid=(2,) block=(32,)
// args: x:int32[64]=arange partial:int32[64]=zeros ticket:uint32[1]=zeros y:int32[32]=zeros
// expect: Race "race in global memory" array=partial element=1
// threads: (1,0,0) (1,0,0)
// blocks: (1,0,0) (0,0,0)
// covers: last block without __threadfence
// result: y = 2 * (x[:32] + x[32:])
__global__ void last_block_fence_before_barrier(const int* x, int* partial, unsigned* ticket, int* y) {
    __shared__ bool is_last;
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    partial[i] = 2 * x[i];  // OTHER
#ifdef FAULTY
    if (threadIdx.x == 0) __threadfence();
#endif
    __syncthreads();
#ifndef FAULTY
    if (threadIdx.x == 0) __threadfence();
#endif
    if (threadIdx.x == 0) is_last = atomicAdd(ticket, 1u) == gridDim.x - 1;
    __syncthreads();
    if (!is_last) return;
    int sum = 0;
    for (int b = 0; b < gridDim.x; ++b) sum += partial[b * blockDim.x + threadIdx.x];  // HERE
    y[threadIdx.x] = sum;
}
