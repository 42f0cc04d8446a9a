// A result is added to memory that was allocated and never cleared.
// launch: grid=(2,) block=(16,)
// args: x:float32[32]=arange y:float32[32]=empty
// expect: UninitialisedRead "uninitialised global memory" array=y element=0
// threads: (0,0,0)
// blocks: (0,0,0)
// result: y = x
__global__ void accumulate_into_empty(const float* x, float* y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
#ifdef FAULTY
    y[i] += x[i];  // HERE
#else
    y[i] = x[i];
#endif
}
