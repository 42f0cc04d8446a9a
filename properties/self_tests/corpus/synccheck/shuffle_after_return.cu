// A shuffle names lanes that have left the kernel.
// launch: grid=(1,) block=(32,)
// args: x:int32[20]=arange y:int32[32]=zeros n:int32=20
// expect: BarrierDivergence "deserted warp"
// threads: (0,0,0)
// covers: wrong shuffle mask; early return before a barrier
// result: y = np.append(x[1:], np.zeros(13))
__global__ void shuffle_after_return(const int* x, int* y, int n) {
    int t = threadIdx.x;
#ifdef FAULTY
    if (t >= n) return;
#endif
    int right = __shfl_down_sync(0xffffffff, t < n ? x[t] : 0, 1);  // HERE
    if (t < n) y[t] = right;
}
