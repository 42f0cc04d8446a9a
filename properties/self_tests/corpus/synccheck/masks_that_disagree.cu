// Lanes that meet in a __syncwarp name different masks.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[32]=zeros
// expect: BarrierDivergence "divergent warp"
// threads: (16,0,0) (0,0,0)
// covers: wrong mask
// result: y = x[::-1]
__global__ void masks_that_disagree(const int* x, int* y) {
    __shared__ int line[32];
    int t = threadIdx.x;
#ifdef FAULTY
    unsigned lanes = t < 16 ? 0xffffffff : 0xffff0001;
#else
    unsigned lanes = 0xffffffff;
#endif
    line[t] = x[t];
    __syncwarp(lanes);  // HERE OTHER
    y[t] = line[31 - t];
}
