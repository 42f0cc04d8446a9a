// volatile keeps values out of registers and orders nothing: the code of before Volta, which trusts it, is broken.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[32]=zeros
// expect: Race "race in shared memory" array=line element=0
// threads: (1,0,0) (0,0,0)
// covers: race inside a warp; missing __syncwarp
// result: y = np.append(0, x[:-1])
__global__ void volatile_is_no_barrier(const int* x, int* y) {
    __shared__ volatile int line[32];
    int t = threadIdx.x;
    line[t] = x[t];  // OTHER
#ifndef FAULTY
    __syncwarp();
#endif
    y[t] = t > 0 ? line[t - 1] : 0;  // HERE
}
