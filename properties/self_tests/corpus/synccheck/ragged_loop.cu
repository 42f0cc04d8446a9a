// A barrier stands in a loop that some threads run through once more than others.
// launch: grid=(1,) block=(64,)
// args: x:int32[100]=arange y:int32[100]=zeros n:int32=100
// expect: BarrierDivergence "deserted barrier"
// threads: (0,0,0) (36,0,0)
// covers: barrier in a loop with a ragged end
// result: y = x + 1
__global__ void ragged_loop(const int* x, int* y, int n) {
    __shared__ int line[64];
    int t = threadIdx.x;
#ifdef FAULTY
    for (int i = t; i < n; i += 64) {
#else
    for (int i = t; i - t < n; i += 64) {
#endif
        line[t] = i < n ? x[i] : 0;
        __syncthreads();  // HERE
        if (i < n) y[i] = line[t] + 1;
    }
}
