// A loop that clears an array stops one element before its end.
// launch: grid=(1,) block=(16,) shared=200
// args: y:int32[50]=zeros n:int32=50
// expect: UninitialisedRead "uninitialised shared memory"
// threads: (1,0,0)
// result: y = 0 * y
__global__ void fill_off_by_one(int* y, int n) {
    extern __shared__ int cleared_ints[];
#ifdef FAULTY
    int end = n - 1;
#else
    int end = n;
#endif
    for (int i = threadIdx.x; i < end; i += blockDim.x) cleared_ints[i] = 0;
    __syncthreads();
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
        y[i] = cleared_ints[i];  // HERE
    }
}
