// An array is cleared as if its size in bytes were its number of elements.
// launch: grid=(1,) block=(32,)
// args: y:float32[40]=arange n:int32=40
// expect: OutOfBounds "out-of-bounds write" array=y element=64
// threads: (0,0,0)
// result: y = 0 * y
__global__ void bytes_for_elements(float* y, int n) {
#ifdef FAULTY
    int size = n * sizeof(float);
#else
    int size = n;
#endif
    for (int i = threadIdx.x; i < size; i += blockDim.x) {
        y[i] = 0;  // HERE
    }
}
