// The second warp reads what the first one has written, behind a __syncwarp where a barrier is needed.
// launch: grid=(1,) block=(64,)
// args: x:int32[64]=arange y:int32[32]=zeros
// expect: Race "race in shared memory" array=line element=0
// threads: (32,0,0) (0,0,0)
// covers: race across warps
// result: y = x[:32] + x[32:]
__global__ void across_warps(const int* x, int* y) {
    __shared__ int line[32];
    int t = threadIdx.x;
    if (t < 32) line[t] = x[t];  // OTHER
#ifdef FAULTY
    __syncwarp();
#else
    __syncthreads();
#endif
    if (t >= 32) y[t - 32] = line[t - 32] + x[t];  // HERE
}
