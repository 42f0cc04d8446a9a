// All threads read the same elements, which is no race; that one of them writes meanwhile is one.
// launch: grid=(2,) block=(64,)
// args: x:int32[65]=arange y:int32[128]=zeros
// expect: Race "race in shared memory" array=scale element=0
// threads: (63,0,0)
// covers: two reads are no race
// result: y = np.tile(x[:64] * 64, 2)
__global__ void two_reads(const int* x, int* y) {
    __shared__ int scale;
    if (threadIdx.x == 0) scale = x[64];
    __syncthreads();
    int mine = scale;  // OTHER
#ifdef FAULTY
    if (threadIdx.x == 63) scale = 0;  // HERE
#endif
    y[blockIdx.x * blockDim.x + threadIdx.x] = x[threadIdx.x] * mine;
}
