// Two tiles are copied by cp.async, a group each; before the first is used, the wait leaves both groups under way.
// launch: grid=(1,) block=(32,)
// args: x:float32[64]=arange y:float32[32]=zeros
// expect: Race "race with an asynchronous copy" array=tiles element=31
// threads: (0,0,0) (31,0,0)
// covers: asynchronous copy used before the wait
// result: y = x[31::-1] + 2 * x[32:]
#include <cuda_pipeline.h>

__global__ void copy_not_waited_for(const float* x, float* y) {
    __shared__ float tiles[2][32];
    int t = threadIdx.x;
    for (int k = 0; k < 2; ++k) {
        __pipeline_memcpy_async(&tiles[k][t], &x[32 * k + t], sizeof(float));  // OTHER
        __pipeline_commit();
    }
#ifdef FAULTY
    __pipeline_wait_prior(2);
#else
    __pipeline_wait_prior(1);
#endif
    __syncthreads();
    float sum = tiles[0][31 - t];  // HERE
    __pipeline_wait_prior(0);
    y[t] = sum + 2 * tiles[1][t];
}
