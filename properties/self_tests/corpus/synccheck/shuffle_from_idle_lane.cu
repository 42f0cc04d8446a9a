// Sixteen lanes add up their values crosswise, and begin with a step that leads out of the sixteen.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[16]=zeros
// expect: BarrierDivergence "undefined lane"
// threads: (0,0,0)
// covers: wrong shuffle mask
// result: y = np.full(16, x[:16].sum())
__global__ void shuffle_from_idle_lane(const int* x, int* y) {
    int t = threadIdx.x;
#ifdef FAULTY
    const int first = 16;
#else
    const int first = 8;
#endif
    if (t < 16) {
        int value = x[t];
        for (int half = first; half > 0; half /= 2) {
            value += __shfl_xor_sync(0x0000ffff, value, half);  // HERE
        }
        y[t] = value;
    }
}
