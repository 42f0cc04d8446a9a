// Threads beyond the array return before a barrier that the others wait at.
// launch: grid=(1,) block=(64,)
// args: x:int32[50]=arange y:int32[64]=zeros n:int32=50
// expect: BarrierDivergence "deserted barrier"
// threads: (0,0,0) (50,0,0)
// covers: early return before a barrier
// result: y = np.append(x, np.zeros(14))[::-1] * (np.arange(64) < 50)
__global__ void early_return(const int* x, int* y, int n) {
    __shared__ int line[64];
    int t = threadIdx.x;
#ifdef FAULTY
    if (t >= n) return;
#endif
    line[t] = t < n ? x[t] : 0;
    __syncthreads();  // HERE
    if (t < n) y[t] = line[63 - t];
}
