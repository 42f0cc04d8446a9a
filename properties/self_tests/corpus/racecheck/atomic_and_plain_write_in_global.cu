// All blocks add to a sum that the first one clears itself.
// launch: grid=(3,) block=(32,)
// args: x:int32[96]=arange%3 y:int32[1]=zeros
// expect: Race "race in global memory" array=y element=0
// threads: (1,0,0) (0,0,0)
// blocks: (0,0,0) (0,0,0)
// covers: atomic mixed with a plain write
// result: y = [x.sum()]
__global__ void atomic_and_plain_write_in_global(const int* x, int* y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
#ifdef FAULTY
    if (i == 0) y[0] = 0;  // OTHER
#endif
    atomicAdd(&y[0], x[i]);  // HERE
}
