// A block uses one float more of its dynamic shared memory than the launch asked for.
// launch: grid=(2,) block=(32,) shared=128
// args: x:float32[64]=arange y:float32[64]=zeros
// expect: OutOfBounds "out-of-bounds write"
// threads: (0,0,0)
// blocks: (0,0,0)
// covers: dynamic shared memory overrun
// result: y = x.reshape(2, 32)[:, ::-1].ravel()
__global__ void dynamic_shared_overrun(const float* x, float* y) {
    extern __shared__ float overrun_floats[];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
#ifdef FAULTY
    int last = blockDim.x;
#else
    int last = blockDim.x - 1;
#endif
    overrun_floats[last - threadIdx.x] = x[i];  // HERE
    __syncthreads();
    y[i] = overrun_floats[threadIdx.x];
}
