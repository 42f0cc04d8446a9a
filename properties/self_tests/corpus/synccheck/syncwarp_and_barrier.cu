// Half of a warp waits for the other half in a __syncwarp, which waits at the block's barrier.
// launch: grid=(1,) block=(64,)
// args: x:int32[64]=arange y:int32[64]=zeros
// expect: BarrierDivergence "divergent warp"
// threads: (0,0,0)
// covers: barrier in a divergent branch
// result: y = x[::-1]
__global__ void syncwarp_and_barrier(const int* x, int* y) {
    __shared__ int line[64];
    int t = threadIdx.x;
    line[t] = x[t];
#ifdef FAULTY
    bool waits = t % 32 < 16;
#else
    bool waits = true;
#endif
    if (waits) __syncwarp();  // HERE
    __syncthreads();  // OTHER
    y[t] = line[63 - t];
}
