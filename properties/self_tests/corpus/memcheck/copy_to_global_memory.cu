// cp.async goes to shared memory only; here it is to copy straight to the result.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[32]=zeros
// expect: OutOfBounds "asynchronous copy of the wrong memory" array=y element=0
// threads: (0,0,0)
// result: y = x
#include <cuda_pipeline.h>

__global__ void copy_to_global_memory(const int* x, int* y) {
    __shared__ int tile[32];
    int t = threadIdx.x;
#ifdef FAULTY
    int* to = y;
#else
    int* to = tile;
#endif
    __pipeline_memcpy_async(&to[t], &x[t], sizeof(int));  // HERE
    __pipeline_commit();
    __pipeline_wait_prior(0);
    y[t] = to[t];
    if (x[t] < 0) y[t] = tile[t];  // so that both kernels have it
}
