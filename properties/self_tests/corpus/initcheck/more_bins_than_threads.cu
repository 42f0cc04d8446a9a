// Each thread clears one bin, but there are twice as many bins as threads.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=2*arange y:int32[64]=zeros
// expect: UninitialisedRead "uninitialised shared memory" array=bins element=32
// threads: (16,0,0)
// result: y = (np.arange(64) + 1) % 2
__global__ void more_bins_than_threads(const int* x, int* y) {
    __shared__ int bins[64];
#ifdef FAULTY
    const int cleared = 32;
#else
    const int cleared = 64;
#endif
    for (int i = threadIdx.x; i < cleared; i += blockDim.x) bins[i] = 0;
    __syncthreads();
    atomicAdd(&bins[x[threadIdx.x]], 1);  // HERE
    __syncthreads();
    for (int i = threadIdx.x; i < 64; i += blockDim.x) y[i] = bins[i];
}
