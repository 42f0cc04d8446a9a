// A grid-stride loop runs to n and includes it.
// launch: grid=(2,) block=(16,)
// args: x:float32[70]=arange y:float32[70]=zeros n:int32=70
// expect: OutOfBounds "out-of-bounds read" array=x element=70
// threads: (6,0,0)
// blocks: (0,0,0)
// covers: off-by-one read past the end
// result: y = x + 1
__global__ void grid_stride_off_by_one(const float* x, float* y, int n) {
    int stride = gridDim.x * blockDim.x;
#ifdef FAULTY
    int end = n + 1;
#else
    int end = n;
#endif
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < end; i += stride) {
        y[i] = __ldg(x + i) + 1;  // HERE
    }
}
