// A thread that has found its value leaves the loop, and the others wait for it.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange%4 y:int32[32]=zeros
// expect: BarrierDivergence "deserted barrier"
// threads: (1,0,0) (0,0,0)
// covers: barrier in a loop with a ragged end
// result: y = x
__global__ void break_before_barrier(const int* x, int* y) {
    __shared__ int wanted;
    int t = threadIdx.x, found = -1;
    for (int round = 0; round < 4; ++round) {
        if (t == 31) wanted = round;
#ifdef FAULTY
        if (x[t] == round) {
            y[t] = round;
            break;
        }
#endif
        __syncthreads();  // HERE
        if (x[t] == wanted) found = wanted;
        __syncthreads();
    }
    y[t] = found;
}
