// A stencil fills the left halo of its tile and forgets the right one.
// launch: grid=(2,) block=(16,)
// args: x:float32[32]=arange*3%7 y:float32[32]=zeros n:int32=32
// expect: UninitialisedRead "uninitialised shared memory" array=line element=17
// threads: (15,0,0)
// blocks: (0,0,0)
// covers: uninitialised shared tile
// result: y = np.convolve(x, [1, 1, 1], "same")
__global__ void halo_unfilled(const float* x, float* y, int n) {
    __shared__ float line[16 + 2];
    int i = blockIdx.x * 16 + threadIdx.x, here = threadIdx.x + 1;
    line[here] = x[i];
    if (threadIdx.x == 0) line[0] = i > 0 ? x[i - 1] : 0;
#ifndef FAULTY
    if (threadIdx.x == 15) line[17] = i + 1 < n ? x[i + 1] : 0;
#endif
    __syncthreads();
    y[i] = line[here - 1] + line[here] + line[here + 1];  // HERE
}
