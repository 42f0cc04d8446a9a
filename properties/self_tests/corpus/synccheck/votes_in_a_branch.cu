// __syncthreads_count in one branch only, as if it were a vote of those who happen to be there.
// launch: grid=(1,) block=(64,)
// args: x:int32[64]=arange y:int32[64]=zeros
// expect: BarrierDivergence "deserted barrier"
// threads: (0,0,0) (48,0,0)
// covers: barrier in a divergent branch
// result: y = np.where(x < 48, 24, 0)
__global__ void votes_in_a_branch(const int* x, int* y) {
    int t = threadIdx.x;
#ifdef FAULTY
    if (t < 48) y[t] = __syncthreads_count(x[t] % 2);  // HERE
#else
    int odd = __syncthreads_count(t < 48 && x[t] % 2);
    if (t < 48) y[t] = odd;
#endif
}
