// Of 256 threads in 8 blocks two write the same element.
// launch: grid=(8,) block=(32,)
// args: y:int32[256]=zeros
// expect: Race "race in global memory" array=y element=45
// threads: (12,0,0) (13,0,0)
// blocks: (6,0,0) (1,0,0)
// covers: single racing pair; race across blocks
// result: y = np.arange(256)
__global__ void single_pair_in_global(int* y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, to = i;
#ifdef FAULTY
    if (i == 6 * 32 + 12) to = 45;
#endif
    y[to] = i;  // HERE OTHER
}
