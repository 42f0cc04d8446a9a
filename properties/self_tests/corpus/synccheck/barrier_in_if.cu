// Only the threads that load a tile wait for it.
// launch: grid=(1,) block=(64,)
// args: x:int32[32]=arange y:int32[64]=zeros
// expect: BarrierDivergence "deserted barrier"
// threads: (0,0,0) (32,0,0)
// covers: barrier in a divergent branch
// result: y = np.append(x, x)
__global__ void barrier_in_if(const int* x, int* y) {
    __shared__ int line[32];
    int t = threadIdx.x;
#ifdef FAULTY
    if (t >= 32) {
        y[t] = x[t - 32];
        return;
    }
    line[t] = x[t];
    __syncthreads();  // HERE
    y[t] = line[t];
#else
    if (t < 32) line[t] = x[t];
    __syncthreads();
    y[t] = line[t % 32];
#endif
}
