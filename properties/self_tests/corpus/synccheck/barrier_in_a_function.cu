// A function with a barrier inside is called by half of the block.
// launch: grid=(1,) block=(64,)
// args: x:int32[64]=arange y:int32[1]=zeros
// expect: BarrierDivergence "deserted barrier"
// threads: (0,0,0) (32,0,0)
// covers: barrier in a divergent branch
// result: y = [x.sum()]
__device__ int sum_of_block(int value, int* part) {
    part[threadIdx.x] = value;
    __syncthreads();  // HERE
    int sum = 0;
    for (int i = 0; i < blockDim.x; ++i) sum += part[i];
    return sum;
}
__global__ void barrier_in_a_function(const int* x, int* y) {
    __shared__ int part[64];
    int value = x[threadIdx.x], sum = value;
#ifdef FAULTY
    if (threadIdx.x < 32) sum = sum_of_block(value, part);
#else
    sum = sum_of_block(value, part);
#endif
    if (threadIdx.x == 0) y[0] = sum;
}
