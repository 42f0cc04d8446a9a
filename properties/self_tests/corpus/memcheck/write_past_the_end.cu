// The grid is rounded up to whole blocks, and the threads beyond the array write too.
// launch: grid=(3,) block=(16,)
// args: y:float32[40]=zeros n:int32=40
// expect: OutOfBounds "out-of-bounds write" array=y element=40
// threads: (8,0,0)
// blocks: (2,0,0)
// covers: off-by-one write past the end
// result: y = 2 * np.arange(40)
__global__ void write_past_the_end(float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
#ifdef FAULTY
    if (i > n) return;
#else
    if (i >= n) return;
#endif
    y[i] = 2 * i;  // HERE
}
