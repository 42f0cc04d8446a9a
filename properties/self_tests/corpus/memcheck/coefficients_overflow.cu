// A filter of five constant coefficients is applied with six taps.
// launch: grid=(2,) block=(16,)
// args: x:int32[40]=arange*3%7 y:int32[32]=zeros
// expect: OutOfBounds "index out of bounds"
// threads: (0,0,0)
// blocks: (0,0,0)
// result: y = np.convolve(x, [1, 4, 6, 4, 1], "valid")[:32]
__constant__ int coefficients[5] = {1, 4, 6, 4, 1};

__global__ void coefficients_overflow(const int* x, int* y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, sum = 0;
#ifdef FAULTY
    const int taps = 6;
#else
    const int taps = 5;
#endif
    for (int k = 0; k < taps; ++k) {
        sum += coefficients[k] * x[i + k];  // HERE
    }
    y[i] = sum;
}
