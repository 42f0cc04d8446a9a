// A prefix sum of one warp in shared memory lacks one of its two __syncwarp.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange*3%17 y:int32[32]=zeros
// expect: Race "race in shared memory" array=sums element=0
// threads: (1,0,0) (0,0,0)
// covers: missing __syncwarp; race inside a warp
// result: y = np.cumsum(x)
__global__ void warp_scan_without_syncwarp(const int* x, int* y) {
    __shared__ int sums[32];
    int t = threadIdx.x;
    sums[t] = x[t];
    __syncwarp();
    for (int distance = 1; distance < 32; distance *= 2) {
        int left = t >= distance ? sums[t - distance] : 0;  // HERE
#ifndef FAULTY
        __syncwarp();
#endif
        sums[t] += left;  // OTHER
        __syncwarp();
    }
    y[t] = sums[t];
}
