// One thread reads a total while others still add to it.
// launch: grid=(1,) block=(64,)
// args: x:int32[64]=arange%3 y:int32[1]=zeros
// expect: Race "race in shared memory" array=total element=0
// threads: (1,0,0) (0,0,0)
// covers: atomic mixed with a plain read
// result: y = [x.sum()]
__global__ void atomic_and_plain_read(const int* x, int* y) {
    __shared__ int total;
    if (threadIdx.x == 0) total = 0;
    __syncthreads();
    atomicAdd(&total, x[threadIdx.x]);  // HERE
#ifndef FAULTY
    __syncthreads();
#endif
    if (threadIdx.x == 0) y[0] = total;  // OTHER
}
