// An optional array is read although there is none.
// launch: grid=(1,) block=(32,)
// args: x:float32[32]=arange bias:null y:float32[32]=zeros
// expect: OutOfBounds "out-of-bounds read"
// threads: (0,0,0)
// result: y = x
__global__ void null_pointer(const float* x, const float* bias, float* y) {
#ifdef FAULTY
    bool biased = x;
#else
    bool biased = bias;
#endif
    float value = x[threadIdx.x];
    if (biased) value += bias[threadIdx.x];  // HERE
    y[threadIdx.x] = value;
}
