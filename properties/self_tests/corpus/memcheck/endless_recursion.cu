// A recursion by two steps stops at zero only, and an odd number never gets there.
// launch: grid=(1,) block=(4,)
// args: y:int32[4]=zeros
// expect: KernelTrap "stack overflow"
// threads: (1,0,0)
// result: y = [0, 1, 1, 2]
__device__ int fibonacci(int n) {
#ifdef FAULTY
    if (n == 0) return n;
#else
    if (n <= 1) return n;
#endif
    return fibonacci(n - 2) + fibonacci(n - 1);
}
__global__ void endless_recursion(int* y) { y[threadIdx.x] = fibonacci(threadIdx.x); }
