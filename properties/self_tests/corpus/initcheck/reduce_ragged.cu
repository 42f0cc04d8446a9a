// A sum over a whole block adds the elements of threads that had nothing to put there.
// launch: grid=(1,) block=(64,)
// args: x:int32[50]=arange y:int32[1]=zeros n:int32=50
// expect: UninitialisedRead "uninitialised shared memory" array=part element=50
// threads: (18,0,0)
// covers: uninitialised shared tile
// result: y = [x.sum()]
__global__ void reduce_ragged(const int* x, int* y, int n) {
    __shared__ int part[64];
    int t = threadIdx.x;
    if (t < n) part[t] = x[t];
#ifndef FAULTY
    if (t >= n) part[t] = 0;
#endif
    __syncthreads();
    for (int half = 32; half > 0; half /= 2) {
        if (t < half) part[t] += part[t + half];  // HERE
        __syncthreads();
    }
    if (t == 0) y[0] = part[0];
}
