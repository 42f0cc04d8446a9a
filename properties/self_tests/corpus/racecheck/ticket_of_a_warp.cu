// Lane 0 publishes what all lanes of its warp have written, and has not waited for them.
// launch: grid=(2,) block=(32,)
// args: x:int32[64]=arange partial:int32[64]=zeros ticket:uint32[1]=zeros y:int32[32]=zeros
// expect: Race "race in global memory" array=partial element=1
// threads: (1,0,0) (1,0,0)
// blocks: (1,0,0) (0,0,0)
// covers: last block without __threadfence; missing __syncwarp
// result: y = 2 * (x[:32] + x[32:])
__global__ void ticket_of_a_warp(const int* x, int* partial, unsigned* ticket, int* y) {
    int lane = threadIdx.x, i = blockIdx.x * 32 + lane;
    partial[i] = 2 * x[i];  // OTHER
#ifndef FAULTY
    __syncwarp();
#endif
    unsigned number = 0;
    if (lane == 0) {
        __threadfence();
        number = atomicAdd(ticket, 1u);
    }
    number = __shfl_sync(0xffffffff, number, 0);
    __syncwarp();
    if (number < gridDim.x - 1) return;
    y[lane] = partial[lane] + partial[32 + lane];  // HERE
}
