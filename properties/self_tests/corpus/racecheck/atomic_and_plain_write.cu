// One thread clears a counter with a plain write while others already count.
// launch: grid=(1,) block=(64,)
// args: x:int32[64]=arange%3 y:int32[1]=zeros
// expect: Race "race in shared memory" array=total element=0
// threads: (1,0,0) (0,0,0)
// covers: atomic mixed with a plain write
// result: y = [x.sum()]
__global__ void atomic_and_plain_write(const int* x, int* y) {
    __shared__ int total;
    if (threadIdx.x == 0) total = 0;  // OTHER
#ifndef FAULTY
    __syncthreads();
#endif
    atomicAdd(&total, x[threadIdx.x]);  // HERE
    __syncthreads();
    if (threadIdx.x == 0) y[0] = total;
}
