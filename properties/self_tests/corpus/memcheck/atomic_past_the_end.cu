// A histogram scales by the largest value, which then falls into a bin that there is not.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange bins:int32[8]=zeros
// expect: OutOfBounds "out-of-bounds atomic" array=bins element=8
// threads: (31,0,0)
// result: bins = np.full(8, 4)
__global__ void atomic_past_the_end(const int* x, int* bins) {
#ifdef FAULTY
    int range = 31;
#else
    int range = 32;
#endif
    atomicAdd(&bins[x[threadIdx.x] * 8 / range], 1);  // HERE
}
