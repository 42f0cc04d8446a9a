// A double buffer filled by cp.async: without a barrier at the end of the loop, a copy goes to what others still read.
// launch: grid=(1,) block=(64,)
// args: x:int32[256]=arange y:int32[64]=zeros
// expect: Race "race with an asynchronous copy" array=buffers element=31
// threads: (32,0,0) (31,0,0)
// covers: asynchronous copy into a buffer in use
// result: y = x.reshape(4, 64)[:, ::-1].sum(0)
#include <cuda_pipeline.h>

__global__ void copy_into_a_buffer_in_use(const int* x, int* y) {
    __shared__ int buffers[2][64];
    int t = threadIdx.x, sum = 0;
    __pipeline_memcpy_async(&buffers[0][t], &x[t], sizeof(int));
    __pipeline_commit();
    for (int k = 0; k < 4; ++k) {
        if (k < 3) __pipeline_memcpy_async(&buffers[(k + 1) % 2][t], &x[64 * (k + 1) + t], sizeof(int));  // OTHER
        __pipeline_commit();
        __pipeline_wait_prior(1);
        __syncthreads();
        sum += buffers[k % 2][63 - t];  // HERE
#ifndef FAULTY
        __syncthreads();
#endif
    }
    y[t] = sum;
}
