// Bins in dynamic shared memory are counted in, but nobody has set them to zero.
// launch: grid=(2,) block=(32,) shared=32
// args: x:int32[64]=arange%8 bins:int32[8]=zeros
// expect: UninitialisedRead "uninitialised shared memory"
// threads: (0,0,0)
// blocks: (0,0,0)
// result: bins = np.full(8, 8)
__global__ void dynamic_histogram(const int* x, int* bins) {
    extern __shared__ int dynamic_bins[];
    int t = threadIdx.x;
#ifndef FAULTY
    if (t < 8) dynamic_bins[t] = 0;
#endif
    __syncthreads();
    atomicAdd(&dynamic_bins[x[blockIdx.x * blockDim.x + t]], 1);  // HERE
    __syncthreads();
    if (t < 8) atomicAdd(&bins[t], dynamic_bins[t]);
}
