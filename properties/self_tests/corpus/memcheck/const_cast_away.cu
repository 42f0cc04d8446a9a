// The input is const, and the kernel writes its result there.
// launch: grid=(1,) block=(32,)
// args: x:float32[32]=arange y:float32[32]=zeros
// expect: OutOfBounds "write to a read-only array" array=x element=0
// threads: (0,0,0)
// result: y = 2 * x
__global__ void const_cast_away(const float* x, float* y) {
#ifdef FAULTY
    float* out = const_cast<float*>(x);
#else
    float* out = y;
#endif
    out[threadIdx.x] = 2 * x[threadIdx.x];  // HERE
}
