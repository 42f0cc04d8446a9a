// Two blocks count in shared memory again and again, and clear the counts before all threads have read them.
// launch: grid=(2,) block=(64,)
// args: x:int32[3,64]=arange%8 y:int32[3,4]=zeros
// expect: Race "race in shared memory" array=counts element=0
// threads: (1,0,0) (0,0,0)
// blocks: (0,0,0) (0,0,0)
// covers: atomic mixed with a plain write; missing barrier at the end of a tile loop
// result: y = np.full((3, 4), 16)
__global__ void counts_of_two_blocks(const int* x, int* y) {
    __shared__ int sums[4], counts[4];
    int t = threadIdx.x;
    for (int row = 0; row < 3; ++row) {
        if (t < 4) {
            sums[t] = 0;
            counts[t] = 0;  // OTHER
        }
        __syncthreads();
        int value = x[row * 64 + t];
        atomicAdd(&sums[value / 2], value % 2);
        atomicAdd(&counts[value % 4], 1);
        __syncthreads();
        int all = counts[0] + counts[1] + counts[2] + counts[3];  // HERE
#ifndef FAULTY
        __syncthreads();
#endif
        if (t < 4 && blockIdx.x == 0) y[row * 4 + t] = all / 4;
    }
}
