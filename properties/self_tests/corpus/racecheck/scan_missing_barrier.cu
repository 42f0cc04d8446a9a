// A prefix sum adds to elements that slower threads have still to read.
// launch: grid=(1,) block=(64,)
// args: x:int32[64]=arange*3%17 y:int32[64]=zeros
// expect: Race "race in shared memory" array=sums element=0
// threads: (1,0,0) (0,0,0)
// result: y = np.cumsum(x)
__global__ void scan_missing_barrier(const int* x, int* y) {
    __shared__ int sums[64];
    int t = threadIdx.x;
    sums[t] = x[t];
    __syncthreads();
    for (int distance = 1; distance < 64; distance *= 2) {
        int left = t >= distance ? sums[t - distance] : 0;  // HERE
#ifndef FAULTY
        __syncthreads();
#endif
        sums[t] += left;  // OTHER
        __syncthreads();
    }
    y[t] = sums[t];
}
