// A stencil's last block loads a halo from beyond the array: its guard forgets the + 1.
// launch: grid=(2,) block=(16,)
// args: x:float32[32]=arange*3%7 y:float32[32]=zeros n:int32=32
// expect: OutOfBounds "out-of-bounds read" array=x element=32
// threads: (15,0,0)
// blocks: (1,0,0)
// covers: stencil halo off by one at the end
// result: y = np.convolve(x, [1, 1, 1], "same")
__global__ void halo_beyond_the_end(const float* x, float* y, int n) {
    __shared__ float line[16 + 2];
    int i = blockIdx.x * 16 + threadIdx.x, here = threadIdx.x + 1;
    line[here] = x[i];
    if (threadIdx.x == 0) line[0] = i > 0 ? x[i - 1] : 0;
#ifdef FAULTY
    bool inside = i < n;
#else
    bool inside = i + 1 < n;
#endif
    if (threadIdx.x == 15) line[17] = inside ? x[i + 1] : 0;  // HERE
    __syncthreads();
    y[i] = line[here - 1] + line[here] + line[here + 1];
}
