// Half of a warp shuffles with a mask that names all of it, while the other half waits at a barrier.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[32]=zeros
// expect: BarrierDivergence "divergent warp"
// threads: (0,0,0)
// covers: wrong shuffle mask
// result: y = np.append(x[15::-1], x[16:])
__global__ void shuffle_in_a_branch(const int* x, int* y) {
    int t = threadIdx.x, value = x[t];
#ifdef FAULTY
    unsigned lanes = 0xffffffff;
#else
    unsigned lanes = 0x0000ffff;
#endif
    if (t < 16) value = __shfl_sync(lanes, value, 15 - t);  // HERE
    __syncthreads();  // OTHER
    y[t] = value;
}
