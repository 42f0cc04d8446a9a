// One thread broadcasts a row's first element, and the next row's while others still read this one's.
// launch: grid=(1,) block=(32,)
// args: x:int32[4,32]=arange*7%13 y:int32[4,32]=zeros rows:int32=4
// expect: Race "race in shared memory" array=pivot element=0
// threads: (1,0,0) (0,0,0)
// covers: missing barrier at the end of a tile loop
// result: y = x - x[:, :1]
__global__ void broadcast_overwritten(const int* x, int* y, int rows) {
    __shared__ int pivot;
    for (int row = 0; row < rows; ++row) {
        if (threadIdx.x == 0) pivot = x[row * 32];  // OTHER
        __syncthreads();
        y[row * 32 + threadIdx.x] = x[row * 32 + threadIdx.x] - pivot;  // HERE
#ifndef FAULTY
        __syncthreads();
#endif
    }
}
