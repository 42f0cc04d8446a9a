// Of 4096 threads in 64 blocks two write the same element.
// launch: grid=(64,) block=(64,)
// args: y:int32[4096]=zeros
// expect: Race "race in global memory" array=y element=77
// threads: (12,0,0) (13,0,0)
// blocks: (60,0,0) (1,0,0)
// schedules: 20
// covers: single racing pair; race across blocks
// result: y = np.arange(4096)
__global__ void single_pair_in_global(int* y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, to = i;
#ifdef FAULTY
    if (i == 60 * 64 + 12) to = 77;
#endif
    y[to] = i;  // HERE OTHER
}
