// An unsigned index below zero is four billion, and the read is 16 GiB away.
// launch: grid=(1,) block=(32,)
// args: x:float32[32]=arange y:float32[32]=zeros
// expect: OutOfBounds "out-of-bounds read"
// threads: (0,0,0)
// result: y = x - np.append(0, x[:-1])
__global__ void unsigned_underflow(const float* x, float* y) {
    unsigned i = threadIdx.x;
#ifdef FAULTY
    bool has_left = i >= 0;
#else
    bool has_left = i > 0;
#endif
    float left = has_left ? x[i - 1] : 0;  // HERE
    y[i] = x[i] - left;
}
