// The last block to finish adds up what all have written, but the writers did not fence before they took a ticket.
// launch: grid=(4,) block=(32,)
// args: x:int32[128]=arange%7 partial:int32[4]=zeros ticket:uint32[1]=zeros y:int32[1]=zeros
// expect: Race "race in global memory" array=partial element=0
// threads: (0,0,0) (0,0,0)
// blocks: (3,0,0) (0,0,0)
// covers: last block without __threadfence; race across blocks
// result: y = [x.sum()]
__global__ void last_block_without_fence(const int* x, int* partial, unsigned* ticket, int* y) {
    __shared__ int sum;
    __shared__ bool is_last;
    if (threadIdx.x == 0) sum = 0;
    __syncthreads();
    atomicAdd(&sum, x[blockIdx.x * blockDim.x + threadIdx.x]);
    __syncthreads();
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = sum;  // OTHER
#ifndef FAULTY
        __threadfence();
#endif
        is_last = atomicInc(ticket, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (is_last && threadIdx.x < gridDim.x) atomicAdd(y, partial[threadIdx.x]);  // HERE
}
