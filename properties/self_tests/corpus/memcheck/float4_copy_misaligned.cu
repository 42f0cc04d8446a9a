// A float4 is loaded whole from an address that is no multiple of 16.
// launch: grid=(1,) block=(4,)
// args: x:float32[4,8]=arange y:float32[4]=zeros
// expect: OutOfBounds "misaligned access" array=x element=5
// threads: (1,0,0)
// covers: misaligned float4
// result: y = x[:, :4].sum(1)
__global__ void float4_copy_misaligned(const float* x, float* y) {
#ifdef FAULTY
    const int pitch = 5;
#else
    const int pitch = 8;
#endif
    float4 row = *reinterpret_cast<const float4*>(x + threadIdx.x * pitch);  // HERE
    y[threadIdx.x] = row.x + row.y + row.z + row.w;
}
