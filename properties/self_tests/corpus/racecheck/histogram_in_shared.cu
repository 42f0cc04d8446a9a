// A block counts in shared bins, without atomics.
// launch: grid=(2,) block=(64,)
// args: x:int32[128]=arange%8 bins:int32[8]=zeros
// expect: Race "race in shared memory" array=counts element=0
// threads: (8,0,0) (0,0,0)
// blocks: (0,0,0) (0,0,0)
// covers: non-atomic histogram
// result: bins = np.full(8, 16)
__global__ void histogram_in_shared(const int* x, int* bins) {
    __shared__ int counts[8];
    if (threadIdx.x < 8) counts[threadIdx.x] = 0;
    __syncthreads();
    int bin = x[blockIdx.x * blockDim.x + threadIdx.x];
#ifdef FAULTY
    ++counts[bin];  // HERE OTHER
#else
    atomicAdd(&counts[bin], 1);
#endif
    __syncthreads();
    if (threadIdx.x < 8) atomicAdd(&bins[threadIdx.x], counts[threadIdx.x]);
}
