// A filter of radius 2 over a whole array: its guard is off by one at either end.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange*3%7 y:int32[32]=zeros n:int32=32
// expect: OutOfBounds "out-of-bounds read" array=x element=-1
// threads: (0,0,0)
// covers: stencil halo off by one at the start; stencil halo off by one at the end
// result: y = np.convolve(x, np.ones(5), "same")
__global__ void halo_at_both_ends(const int* x, int* y, int n) {
    int t = threadIdx.x, sum = 0;
#ifdef FAULTY
    const int slack = 1;
#else
    const int slack = 0;
#endif
    for (int i = t - 2; i <= t + 2; ++i) {
        if (i >= -slack && i < n + slack) sum += x[i];  // HERE
    }
    y[t] = sum;
}
