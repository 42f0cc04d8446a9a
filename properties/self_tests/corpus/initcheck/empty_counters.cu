// Atomics count in an array that was allocated and never cleared.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange%4 counters:int32[4]=empty
// expect: UninitialisedRead "uninitialised global memory" array=counters element=0
// threads: (0,0,0)
// result: counters = np.full(4, 8)
__global__ void empty_counters(const int* x, int* counters) {
#ifndef FAULTY
    if (threadIdx.x < 4) counters[threadIdx.x] = 0;
#endif
    __syncthreads();
    atomicAdd(&counters[x[threadIdx.x]], 1);  // HERE
}
