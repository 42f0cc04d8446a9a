// A group of 16 lanes waits for itself and then reads what the other 16 have written.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[32]=zeros
// expect: Race "race in shared memory" array=line element=31
// threads: (0,0,0) (31,0,0)
// covers: missing __syncwarp; race inside a warp
// result: y = x[::-1]
#include <cooperative_groups.h>

__global__ void tile_group_too_small(const int* x, int* y) {
    __shared__ int line[32];
    int t = threadIdx.x;
#ifdef FAULTY
    auto group = cooperative_groups::tiled_partition<16>(cooperative_groups::this_thread_block());
#else
    auto group = cooperative_groups::tiled_partition<32>(cooperative_groups::this_thread_block());
#endif
    line[t] = x[t];  // OTHER
    group.sync();
    y[t] = line[31 - t];  // HERE
}
