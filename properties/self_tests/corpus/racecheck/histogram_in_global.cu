// Several threads count in the same bin, and a plain += loses counts.
// launch: grid=(2,) block=(32,)
// args: x:int32[64]=arange%4 bins:int32[4]=zeros
// expect: Race "race in global memory" array=bins element=0
// threads: (4,0,0) (0,0,0)
// blocks: (0,0,0) (0,0,0)
// covers: non-atomic histogram
// result: bins = np.full(4, 16)
__global__ void histogram_in_global(const int* x, int* bins) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
#ifdef FAULTY
    bins[x[i]] += 1;  // HERE OTHER
#else
    atomicAdd(&bins[x[i]], 1);
#endif
}
