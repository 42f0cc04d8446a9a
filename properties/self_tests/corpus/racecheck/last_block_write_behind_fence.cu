// Each block writes one result before its fence and another behind it; the last block may read the first only.
// launch: grid=(4,) block=(32,)
// args: x:int32[4]=arange+3 early:int32[4]=zeros late:int32[4]=zeros ticket:uint32[1]=zeros y:int32[1]=zeros
// expect: Race "race in global memory" array=late element=0
// threads: (0,0,0) (0,0,0)
// blocks: (3,0,0) (0,0,0)
// covers: last block without __threadfence
// result: y = [x.sum()]; late = -x
__global__ void last_block_write_behind_fence(const int* x, int* early, int* late, unsigned* ticket, int* y) {
    if (threadIdx.x > 0) return;
    early[blockIdx.x] = x[blockIdx.x];
    __threadfence();
    late[blockIdx.x] = -x[blockIdx.x];  // OTHER
    if (atomicAdd(ticket, 1u) < gridDim.x - 1) return;
#ifdef FAULTY
    const int* results = late;
#else
    const int* results = early;
#endif
    int sum = 0;
    for (int b = 0; b < gridDim.x; ++b) sum += results[b];  // HERE
    y[0] = sum;
}
