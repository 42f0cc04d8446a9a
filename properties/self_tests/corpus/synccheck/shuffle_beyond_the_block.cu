// The last warp of a block of 40 threads has 8 lanes, and the ninth is asked for its value.
// launch: grid=(1,) block=(40,)
// args: x:int32[40]=arange y:int32[40]=zeros
// expect: BarrierDivergence "undefined lane"
// threads: (39,0,0)
// covers: wrong shuffle mask
// result: y = [n if n in (31, 39) else n + 1 for n in x]
__global__ void shuffle_beyond_the_block(const int* x, int* y) {
    int t = threadIdx.x, lane = t % 32;
#ifdef FAULTY
    int source = lane + 1;
#else
    int source = t == 39 ? lane : lane + 1;
#endif
    if (t == 31) source = 31;
    y[t] = __shfl_sync(0xffffffff, x[t], source);  // HERE
}
