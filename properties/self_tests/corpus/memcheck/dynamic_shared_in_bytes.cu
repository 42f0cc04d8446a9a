// Two arrays share dynamic shared memory; the second one's start is counted in bytes where floats are meant.
// launch: grid=(1,) block=(16,) shared=128
// args: x:float32[16]=arange y:float32[16]=zeros
// expect: OutOfBounds "out-of-bounds write"
// threads: (0,0,0)
// covers: dynamic shared memory overrun
// result: y = np.roll(x, -1) + np.roll(np.arange(16), -1)
__global__ void dynamic_shared_in_bytes(const float* x, float* y) {
    extern __shared__ float two_arrays[];
    float* values = two_arrays;
#ifdef FAULTY
    int* numbers = reinterpret_cast<int*>(two_arrays + blockDim.x * sizeof(float));
#else
    int* numbers = reinterpret_cast<int*>(two_arrays + blockDim.x);
#endif
    values[threadIdx.x] = x[threadIdx.x];
    numbers[threadIdx.x] = threadIdx.x;  // HERE
    __syncthreads();
    int right = (threadIdx.x + 1) % blockDim.x;
    y[threadIdx.x] = values[right] + numbers[right];
}
