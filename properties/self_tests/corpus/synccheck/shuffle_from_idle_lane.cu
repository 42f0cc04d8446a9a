// Sixteen lanes add up their values by shuffles, and forget to say that they are only sixteen.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[1]=zeros
// expect: BarrierDivergence "undefined lane"
// threads: (8,0,0)
// covers: wrong shuffle mask
// result: y = [x[:16].sum()]
__global__ void shuffle_from_idle_lane(const int* x, int* y) {
    int t = threadIdx.x;
#ifdef FAULTY
    const int width = 32;
#else
    const int width = 16;
#endif
    if (t < 16) {
        int value = x[t];
        for (int half = 8; half > 0; half /= 2) {
            value += __shfl_down_sync(0x0000ffff, value, half, width);  // HERE
        }
        if (t == 0) y[0] = value;
    }
}
