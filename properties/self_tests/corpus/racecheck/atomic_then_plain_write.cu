// The last thread resets a counter that others still count in.
// launch: grid=(1,) block=(64,)
// args: y:int32[64]=zeros
// expect: Race "race in shared memory" array=count element=0
// threads: (63,0,0)
// covers: atomic mixed with a plain write
// result: y = np.ones(64)
__global__ void atomic_then_plain_write(int* y) {
    __shared__ int count;
    if (threadIdx.x == 0) count = 0;
    __syncthreads();
    atomicAdd(&count, 1);  // OTHER
#ifndef FAULTY
    __syncthreads();
#endif
    if (threadIdx.x == 63) count = 0;  // HERE
    y[threadIdx.x] = 1;
}
