// A tree of sums goes on to the next level before this one is complete.
// launch: grid=(1,) block=(128,)
// args: x:int32[128]=arange*3%17 y:int32[1]=zeros
// expect: Race "race in shared memory" array=part element=1
// threads: (1,0,0) (0,0,0)
// result: y = [x.sum()]
__global__ void reduce_missing_barrier(const int* x, int* y) {
    __shared__ int part[128];
    int t = threadIdx.x;
    part[t] = x[t];
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (t < half) part[t] += part[t + half];  // HERE OTHER
#ifndef FAULTY
        __syncthreads();
#endif
    }
    if (t == 0) y[0] = part[0];
}
