// Doubles follow an odd number of floats in dynamic shared memory.
// launch: grid=(1,) block=(8,) shared=128
// args: x:float64[8]=arange y:float64[8]=zeros
// expect: OutOfBounds "misaligned access"
// threads: (0,0,0)
// result: y = x[::-1] + 1
__global__ void dynamic_shared_misaligned(const double* x, double* y) {
    extern __shared__ float floats_and_doubles[];
    int t = threadIdx.x;
#ifdef FAULTY
    const int floats = 9;
#else
    const int floats = 10;
#endif
    double* doubles = reinterpret_cast<double*>(floats_and_doubles + floats);
    floats_and_doubles[t] = 1;
    doubles[t] = x[t];  // HERE
    __syncthreads();
    y[t] = doubles[7 - t] + floats_and_doubles[7 - t];
}
