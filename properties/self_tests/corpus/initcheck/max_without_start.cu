// A maximum is sought by atomics from whatever shared memory holds.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange*7%31 y:int32[1]=zeros
// expect: UninitialisedRead "uninitialised shared memory" array=most element=0
// threads: (0,0,0)
// result: y = [x.max()]
__global__ void max_without_start(const int* x, int* y) {
    __shared__ int most;
#ifndef FAULTY
    if (threadIdx.x == 0) most = x[0];
#endif
    __syncthreads();
    atomicMax(&most, x[threadIdx.x]);  // HERE
    __syncthreads();
    if (threadIdx.x == 0) y[0] = most;
}
