// Each thread goes on while it changes something itself, not while any of the block does.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[32]=zeros
// expect: BarrierDivergence "deserted barrier"
// threads: (2,0,0) (0,0,0)
// covers: barrier in a loop with a ragged end
// result: y = np.zeros(32)
__global__ void loop_on_own_flag(const int* x, int* y) {
    int value = x[threadIdx.x];
    bool again = true;
    while (again) {
        if (value > 0) --value;
#ifdef FAULTY
        again = value > 0;
        if (again) __syncthreads();  // HERE
#else
        again = __syncthreads_or(value > 0);
#endif
    }
    y[threadIdx.x] = value;
}
