// An assertion is wrong for the last thread.
// launch: grid=(1,) block=(16,)
// args: x:int32[16]=arange y:int32[16]=zeros
// expect: KernelTrap "trap"
// threads: (15,0,0)
// result: y = x
__global__ void assert_fails(const int* x, int* y) {
#ifdef FAULTY
    int end = blockDim.x - 1;
#else
    int end = blockDim.x;
#endif
    assert(x[threadIdx.x] < end);  // HERE
    y[threadIdx.x] = x[threadIdx.x];
}
