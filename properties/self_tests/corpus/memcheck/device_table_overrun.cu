// A pointer to a __device__ array runs beyond its end.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange%8 y:int32[32]=zeros
// module: alone
// expect: OutOfBounds "out-of-bounds read"
// threads: (7,0,0)
// result: y = (x + 1) ** 2
__device__ int squares[9] = {0, 1, 4, 9, 16, 25, 36, 49, 64};

__device__ int look_up(const int* table, int i) {
#ifdef FAULTY
    return table[i + 2];  // HERE
#else
    return table[i + 1];
#endif
}
__global__ void device_table_overrun(const int* x, int* y) { y[threadIdx.x] = look_up(squares, x[threadIdx.x]); }
