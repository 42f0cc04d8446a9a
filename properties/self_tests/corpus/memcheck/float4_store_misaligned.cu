// A float4 is stored to an address that is no multiple of 16.
// launch: grid=(1,) block=(4,)
// args: x:float32[4]=arange y:float32[4,8]=zeros
// expect: OutOfBounds "misaligned access" array=y element=5
// threads: (1,0,0)
// covers: misaligned float4
// result: y = np.repeat(x, 8).reshape(4, 8) * (np.arange(8) < 4)
__global__ void float4_store_misaligned(const float* x, float* y) {
#ifdef FAULTY
    const int pitch = 5;
#else
    const int pitch = 8;
#endif
    float value = x[threadIdx.x];
    *reinterpret_cast<float4*>(y + threadIdx.x * pitch) = make_float4(value, value, value, value);  // HERE
}
