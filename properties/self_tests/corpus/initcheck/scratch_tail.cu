// The tail of a scratch array, allocated one element longer than the input, is read and never written.
// launch: grid=(1,) block=(32,)
// args: x:float32[32]=arange scratch:float32[33]=empty y:float32[32]=empty
// expect: UninitialisedRead "uninitialised global memory" array=scratch element=32
// threads: (31,0,0)
// result: y = np.append(x[1:], 0)
__global__ void scratch_tail(const float* x, float* scratch, float* y) {
    int t = threadIdx.x;
    scratch[t] = x[t];
#ifndef FAULTY
    if (t == 0) scratch[32] = 0;
#endif
    __syncthreads();
    y[t] = scratch[t + 1];  // HERE
}
