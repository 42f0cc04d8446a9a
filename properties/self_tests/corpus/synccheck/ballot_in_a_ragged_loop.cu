// A ballot of the whole warp in a loop that some lanes leave one round earlier.
// launch: grid=(1,) block=(32,)
// args: x:int32[40]=arange y:int32[40]=zeros n:int32=40
// expect: BarrierDivergence "deserted warp"
// threads: (0,0,0)
// covers: wrong shuffle mask
// result: y = np.append(np.full(32, 16), np.full(8, 4))
__global__ void ballot_in_a_ragged_loop(const int* x, int* y, int n) {
    int t = threadIdx.x;
#ifdef FAULTY
    for (int i = t; i < n; i += 32) {
#else
    for (int i = t; i - t < n; i += 32) {
#endif
        unsigned odd = __ballot_sync(0xffffffff, i < n && x[i] % 2);  // HERE
        if (i < n) y[i] = __popc(odd);
    }
}
