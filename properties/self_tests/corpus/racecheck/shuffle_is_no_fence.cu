// A shuffle exchanges registers and orders no memory: it cannot stand for a __syncwarp.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[32]=zeros
// expect: Race "race in shared memory" array=line element=0
// threads: (1,0,0) (0,0,0)
// covers: race inside a warp; missing __syncwarp
// result: y = np.append(0, x[:-1]) + np.append(0, x[:-1])
__global__ void shuffle_is_no_fence(const int* x, int* y) {
    __shared__ int line[32];
    int t = threadIdx.x;
    line[t] = x[t];  // OTHER
#ifndef FAULTY
    __syncwarp();
#endif
    int left = __shfl_up_sync(0xffffffff, x[t], 1);
    y[t] = t > 0 ? left + line[t - 1] : 0;  // HERE
}
