// The first block prepares a table in shared memory, which no other block shares.
// launch: grid=(3,) block=(32,)
// args: x:int32[96]=arange%4 y:int32[96]=zeros
// expect: UninitialisedRead "uninitialised shared memory" array=table element=0
// threads: (0,0,0)
// blocks: (1,0,0)
// result: y = 10 * x
__global__ void first_block_only(const int* x, int* y) {
    __shared__ int table[4];
#ifdef FAULTY
    bool fills = blockIdx.x == 0 && threadIdx.x < 4;
#else
    bool fills = threadIdx.x < 4;
#endif
    if (fills) table[threadIdx.x] = 10 * threadIdx.x;
    __syncthreads();
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = table[x[i]];  // HERE
}
