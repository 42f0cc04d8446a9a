// A __syncwarp names the first half of the warp, and all lanes call it.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[32]=zeros
// expect: BarrierDivergence "wrong mask"
// threads: (16,0,0)
// covers: wrong mask
// result: y = x[::-1]
__global__ void own_lane_not_named(const int* x, int* y) {
    __shared__ int line[32];
    int t = threadIdx.x;
#ifdef FAULTY
    unsigned lanes = 0x0000ffff;
#else
    unsigned lanes = 0xffffffff;
#endif
    line[t] = x[t];
    __syncwarp(lanes);  // HERE
    y[t] = line[31 - t];
}
