// A binary search keeps the middle it has just ruled out, and never narrows two elements to one.
// launch: grid=(1,) block=(32,)
// args: x:int32[16]=2*arange+1 y:int32[32]=zeros n:int32=16
// expect: KernelTrap "endless loop"
// threads: (2,0,0)
// result: y = np.searchsorted(x, np.arange(32))
__global__ void endless_loop(const int* x, int* y, int n) {
    int wanted = threadIdx.x, low = 0, high = n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (x[middle] >= wanted) {  // HERE
            high = middle;
        } else {
#ifdef FAULTY
            low = middle;
#else
            low = middle + 1;
#endif
        }
    }
    y[threadIdx.x] = low;
}
