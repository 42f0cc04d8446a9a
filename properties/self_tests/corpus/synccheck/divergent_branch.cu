// The two branches of an if have a barrier each, and half of the block waits at either.
// launch: grid=(1,) block=(64,)
// args: x:int32[64]=arange y:int32[64]=zeros
// expect: BarrierDivergence "divergent barrier"
// threads: (0,0,0) (32,0,0)
// covers: barrier in a divergent branch
// result: y = np.append(x[:32], 2 * x[32:])[::-1]
__global__ void divergent_branch(const int* x, int* y) {
    __shared__ int line[64];
    int t = threadIdx.x;
    if (t < 32) {
        line[t] = x[t];
#ifdef FAULTY
        __syncthreads();  // HERE
#endif
    } else {
        line[t] = 2 * x[t];
#ifdef FAULTY
        __syncthreads();  // OTHER
#endif
    }
#ifndef FAULTY
    __syncthreads();
#endif
    y[t] = line[63 - t];
}
