// cp.async in pieces of 16 bytes: the last is not whole, and what is missing must be filled with zeros.
// launch: grid=(1,) block=(8,)
// args: x:float32[30]=arange y:float32[32]=zeros n:int32=30
// expect: OutOfBounds "out-of-bounds read" array=x element=28
// threads: (7,0,0)
// result: y = np.append(x, [0, 0])
#include <cuda_pipeline.h>

__global__ void copy_past_the_end(const float* x, float* y, int n) {
    __shared__ float4 tile[8];
    int t = threadIdx.x;
#ifdef FAULTY
    int missing = 0;
#else
    int missing = 4 * (t + 1) > n ? 4 * (t + 1) - n : 0;
#endif
    __pipeline_memcpy_async(&tile[t], &x[4 * t], 16, missing * sizeof(float));  // HERE
    __pipeline_commit();
    __pipeline_wait_prior(0);
    y[4 * t] = tile[t].x, y[4 * t + 1] = tile[t].y, y[4 * t + 2] = tile[t].z, y[4 * t + 3] = tile[t].w;
}
