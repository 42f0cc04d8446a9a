// Threads count with a plain +=, fenced on either side: a fence orders what one thread does, and locks nobody out.
// launch: grid=(2,) block=(17,)
// args: bins:int32[4]=zeros
// expect: Race "race in global memory" array=bins
// threads: (4,0,0) (0,0,0)
// blocks: (0,0,0) (0,0,0)
// covers: non-atomic histogram
// result: bins = [20, 16, 16, 16]
__global__ void fence_is_no_atomic(int* bins) {
    for (int i = 0; i < 2; ++i) {
        __threadfence();
#ifdef FAULTY
        bins[threadIdx.x % 4] += 1;  // HERE OTHER
#else
        atomicAdd(&bins[threadIdx.x % 4], 1);
#endif
        __threadfence();
    }
}
