// A tile is used before all of it is loaded: the barrier behind the loads is missing.
// launch: grid=(1,) block=(64,)
// args: x:int32[128]=arange*5%11 y:int32[64]=zeros n:int32=128
// expect: Race "race in shared memory" array=tile element=0
// threads: (1,0,0) (0,0,0)
// covers: missing barrier at the start of a tile loop
// result: y = np.roll(x.reshape(2, 64), 1, axis=1).sum(0)
__global__ void tile_loop_first_barrier(const int* x, int* y, int n) {
    __shared__ int tile[64];
    int sum = 0;
    for (int first = 0; first < n; first += 64) {
        tile[threadIdx.x] = x[first + threadIdx.x];  // OTHER
#ifndef FAULTY
        __syncthreads();
#endif
        if (threadIdx.x > 0) sum += tile[threadIdx.x - 1];  // HERE
        __syncthreads();
        if (threadIdx.x == 0) sum += tile[63];
        __syncthreads();
    }
    y[threadIdx.x] = sum;
}
