// A vote of each warp stands where the vote of the block was meant, which is a barrier too.
// launch: grid=(1,) block=(64,)
// args: x:int32[64]=arange y:int32[64]=zeros
// expect: Race "race in shared memory" array=line element=31
// threads: (32,0,0) (31,0,0)
// covers: race across warps
// result: y = np.append(0, x[:-1]) + 1
__global__ void barrier_with_a_vote(const int* x, int* y) {
    __shared__ int line[64];
    int t = threadIdx.x;
    line[t] = x[t];  // OTHER
#ifdef FAULTY
    __syncwarp();
    int any = __any_sync(0xffffffff, x[t] > 0);
#else
    int any = __syncthreads_or(x[t] > 0);
#endif
    int left = t > 0 ? line[t - 1] : 0;  // HERE
    y[t] = left + (any != 0);
}
