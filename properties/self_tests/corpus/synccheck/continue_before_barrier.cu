// A thread skips a round and its barrier; from then on it is one barrier ahead, and gone before the others.
// launch: grid=(1,) block=(32,)
// args: x:int32[2,32]=arange-3 y:int32[2,32]=zeros
// expect: BarrierDivergence "deserted barrier"
// threads: (4,0,0) (0,0,0)
// covers: barrier in a loop with a ragged end
// result: y = np.abs(x)
__global__ void continue_before_barrier(const int* x, int* y) {
    for (int row = 0; row < 2; ++row) {
        int i = row * 32 + threadIdx.x;
        y[i] = x[i] < 0 ? -x[i] : x[i];
#ifdef FAULTY
        if (x[i] <= 0) continue;
#endif
        __syncthreads();  // HERE
    }
}
