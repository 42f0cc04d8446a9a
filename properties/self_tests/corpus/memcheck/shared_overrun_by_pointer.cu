// A pointer into a shared array runs beyond its end, where the bound of the type is forgotten.
// launch: grid=(1,) block=(32,)
// args: x:float32[32]=arange y:float32[32]=zeros
// module: alone
// expect: OutOfBounds "out-of-bounds read"
// threads: (31,0,0)
// result: y = np.append(x[1:], 0) - x
__device__ float right_of(const float* line, int i, int n) {
#ifdef FAULTY
    return i < n ? line[i + 1] : 0;  // HERE
#else
    return i + 1 < n ? line[i + 1] : 0;
#endif
}
__global__ void shared_overrun_by_pointer(const float* x, float* y) {
    __shared__ float line[32];
    line[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = right_of(line, threadIdx.x, 32) - line[threadIdx.x];
}
