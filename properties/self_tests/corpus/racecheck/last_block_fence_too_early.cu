// The fence stands before the write that it should follow.
// launch: grid=(4,) block=(32,)
// args: x:int32[4]=arange+3 partial:int32[4]=zeros ticket:uint32[1]=zeros y:int32[1]=zeros
// expect: Race "race in global memory" array=partial element=0
// threads: (0,0,0) (0,0,0)
// blocks: (3,0,0) (0,0,0)
// covers: last block without __threadfence
// result: y = [(x * x).sum()]; ticket = [4]
__global__ void last_block_fence_too_early(const int* x, int* partial, unsigned* ticket, int* y) {
    if (threadIdx.x > 0) return;
#ifdef FAULTY
    __threadfence();
#endif
    partial[blockIdx.x] = x[blockIdx.x] * x[blockIdx.x];  // OTHER
#ifndef FAULTY
    __threadfence();
#endif
    if (atomicAdd(ticket, 1u) < gridDim.x - 1) return;
    int sum = 0;
    for (int b = 0; b < gridDim.x; ++b) sum += partial[b];  // HERE
    y[0] = sum;
}
