// Producers and consumers take different numbers of barriers, and wait at different ones.
// launch: grid=(1,) block=(64,)
// args: x:int32[32]=arange y:int32[32]=zeros
// expect: BarrierDivergence "divergent barrier"
// threads: (0,0,0) (32,0,0)
// covers: barrier in a divergent branch
// result: y = x[::-1] + 1
__global__ void two_stages(const int* x, int* y) {
    __shared__ int line[32], more[32];
    int t = threadIdx.x;
    if (t < 32) line[t] = x[t];
#ifdef FAULTY
    if (t < 32) __syncthreads();  // HERE
#else
    __syncthreads();
#endif
    if (t >= 32) more[t - 32] = 1;
    __syncthreads();  // OTHER
    if (t < 32) y[t] = line[31 - t] + more[t];
}
