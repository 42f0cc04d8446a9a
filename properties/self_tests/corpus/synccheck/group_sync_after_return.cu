// The same early return, with the barrier spelt as cooperative groups do.
// launch: grid=(1,) block=(64,)
// args: x:int32[50]=arange y:int32[64]=zeros n:int32=50
// expect: BarrierDivergence "deserted barrier"
// threads: (0,0,0) (50,0,0)
// covers: early return before a barrier
// result: y = np.append(x, np.zeros(14))[::-1] * (np.arange(64) < 50)
#include <cooperative_groups.h>

__global__ void group_sync_after_return(const int* x, int* y, int n) {
    __shared__ int line[64];
    auto block = cooperative_groups::this_thread_block();
    int t = block.thread_rank();
#ifdef FAULTY
    if (t >= n) return;
#endif
    line[t] = t < n ? x[t] : 0;
    block.sync();  // HERE
    if (t < n) y[t] = line[63 - t];
}
