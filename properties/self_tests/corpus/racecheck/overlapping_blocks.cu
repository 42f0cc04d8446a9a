// Each block writes eight elements, and the next one begins seven further on.
// launch: grid=(3,) block=(8,)
// args: x:int32[24]=arange y:int32[24]=zeros
// expect: Race "race in global memory" array=y element=7
// threads: (0,0,0) (7,0,0)
// blocks: (1,0,0) (0,0,0)
// covers: race across blocks
// result: y = x
__global__ void overlapping_blocks(const int* x, int* y) {
#ifdef FAULTY
    int step = blockDim.x - 1;
#else
    int step = blockDim.x;
#endif
    int i = blockIdx.x * step + threadIdx.x;
    y[i] = x[i];  // HERE OTHER
}
