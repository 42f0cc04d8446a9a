// Each half of a warp waits for itself only, and then reads what the other half has written.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[32]=zeros
// expect: Race "race in shared memory" array=line element=31
// threads: (0,0,0) (31,0,0)
// covers: missing __syncwarp
// result: y = x[::-1]
__global__ void syncwarp_halves(const int* x, int* y) {
    __shared__ int line[32];
    int t = threadIdx.x;
#ifdef FAULTY
    unsigned lanes = t < 16 ? 0x0000ffff : 0xffff0000;
#else
    unsigned lanes = 0xffffffff;
#endif
    line[t] = x[t];  // OTHER
    __syncwarp(lanes);
    y[t] = line[31 - t];  // HERE
}
