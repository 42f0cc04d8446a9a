// Two blocks write the same element of the result.
// launch: grid=(4,) block=(32,)
// args: x:int32[4]=arange+5 y:int32[4]=zeros
// expect: Race "race in global memory" array=y element=0
// threads: (0,0,0) (0,0,0)
// blocks: (1,0,0) (0,0,0)
// covers: race across blocks
// result: y = x
__global__ void across_blocks(const int* x, int* y) {
#ifdef FAULTY
    int mine = blockIdx.x / 2;
#else
    int mine = blockIdx.x;
#endif
    if (threadIdx.x == 0) y[mine] = x[blockIdx.x];  // HERE OTHER
}
