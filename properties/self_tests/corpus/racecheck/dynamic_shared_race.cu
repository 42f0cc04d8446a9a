// Neighbours exchange values through dynamic shared memory, without a barrier.
// launch: grid=(2,) block=(64,) shared=256
// args: x:int32[128]=arange y:int32[128]=zeros
// expect: Race "race in shared memory"
// threads: (1,0,0) (0,0,0)
// blocks: (0,0,0) (0,0,0)
// result: y = [n - 1 if n % 64 else 0 for n in x]
__global__ void dynamic_shared_race(const int* x, int* y) {
    extern __shared__ int exchanged[];
    int i = blockIdx.x * blockDim.x + threadIdx.x, t = threadIdx.x;
    exchanged[t] = x[i];  // OTHER
#ifndef FAULTY
    __syncthreads();
#endif
    y[i] = t > 0 ? exchanged[t - 1] : 0;  // HERE
}
