// A stencil's first block loads a halo from before the array: its guard lets 0 pass.
// launch: grid=(2,) block=(16,)
// args: x:float32[32]=arange*3%7 y:float32[32]=zeros n:int32=32
// expect: OutOfBounds "out-of-bounds read" array=x element=-1
// threads: (0,0,0)
// blocks: (0,0,0)
// covers: stencil halo off by one at the start
// result: y = np.convolve(x, [1, 1, 1], "same")
__global__ void halo_before_the_start(const float* x, float* y, int n) {
    __shared__ float line[16 + 2];
    int i = blockIdx.x * 16 + threadIdx.x, here = threadIdx.x + 1;
    line[here] = x[i];
#ifdef FAULTY
    bool inside = i >= 0;
#else
    bool inside = i > 0;
#endif
    if (threadIdx.x == 0) line[0] = inside ? x[i - 1] : 0;  // HERE
    if (threadIdx.x == 15) line[17] = i + 1 < n ? x[i + 1] : 0;
    __syncthreads();
    y[i] = line[here - 1] + line[here] + line[here + 1];
}
