// Two blocks work through tiles of their own, and each uses a tile while it is already being overwritten.
// launch: grid=(2,) block=(64,)
// args: x:int32[2,3,64]=arange*5%11 w:int32[2,3,64]=arange%3 y:int32[2,64]=zeros n:int32=3
// expect: Race "race in shared memory" array=tile element=0
// threads: (1,0,0) (0,0,0)
// blocks: (0,0,0) (0,0,0)
// covers: missing barrier at the end of a tile loop
// result: y = (w * np.roll(x, 1, axis=2)).sum(1)
__global__ void tiles_of_two_blocks(const int* x, const int* w, int* y, int n) {
    __shared__ int tile[64];
    int t = threadIdx.x, sum = 0;
    for (int i = blockIdx.x * n; i < (blockIdx.x + 1) * n; ++i) {
        tile[t] = x[i * 64 + t];  // OTHER
        __syncthreads();
        sum += w[i * 64 + t] * tile[(t + 63) % 64];  // HERE
#ifndef FAULTY
        __syncthreads();
#endif
    }
    y[blockIdx.x * 64 + t] = sum;
}
