// Atomics add to a shared sum that nobody has set to zero.
// launch: grid=(2,) block=(32,)
// args: x:int32[64]=arange y:int32[2]=zeros
// expect: UninitialisedRead "uninitialised shared memory" array=sum element=0
// threads: (0,0,0)
// blocks: (0,0,0)
// result: y = x.reshape(2, 32).sum(1)
__global__ void sum_not_cleared(const int* x, int* y) {
    __shared__ int sum;
#ifndef FAULTY
    if (threadIdx.x == 0) sum = 0;
#endif
    __syncthreads();
    atomicAdd(&sum, x[blockIdx.x * blockDim.x + threadIdx.x]);  // HERE
    __syncthreads();
    if (threadIdx.x == 0) y[blockIdx.x] = sum;
}
