// A kernel that checks its own input stops at a value that is allowed.
// launch: grid=(1,) block=(16,)
// args: x:int32[16]=arange y:int32[16]=zeros limit:int32=15
// expect: KernelTrap "trap"
// threads: (15,0,0)
// result: y = x
__global__ void trap_on_bad_input(const int* x, int* y, int limit) {
#ifdef FAULTY
    bool good = x[threadIdx.x] < limit;
#else
    bool good = x[threadIdx.x] <= limit;
#endif
    if (!good) __trap();  // HERE
    y[threadIdx.x] = x[threadIdx.x];
}
