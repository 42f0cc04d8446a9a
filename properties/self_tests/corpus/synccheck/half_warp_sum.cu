// Sixteen lanes add up their values by shuffles whose mask names eight. (That lane 8 reads from lane 16, which takes
// no part, is no fault: nobody uses what it gets.)
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[1]=zeros
// expect: BarrierDivergence "wrong mask"
// threads: (8,0,0)
// covers: wrong shuffle mask
// result: y = [x[:16].sum()]
__global__ void half_warp_sum(const int* x, int* y) {
    int t = threadIdx.x;
#ifdef FAULTY
    unsigned lanes = 0x00ff;
#else
    unsigned lanes = 0xffff;
#endif
    if (t >= 16) return;
    int value = x[t];
    for (int half = 8; half > 0; half /= 2) {
        value += __shfl_down_sync(lanes, value, half);  // HERE
    }
    if (t == 0) y[0] = value;
}
