// An atomic for the block's own threads stands where all blocks count.
// launch: grid=(2,) block=(32,)
// args: x:int32[64]=arange%3 y:int32[1]=zeros
// expect: Race "race in global memory" array=y element=0
// threads: (0,0,0)
// blocks: (1,0,0) (0,0,0)
// covers: race across blocks
// result: y = [x.sum()]
__global__ void block_atomic_across_blocks(const int* x, int* y) {
    int value = x[blockIdx.x * blockDim.x + threadIdx.x];
#ifdef FAULTY
    atomicAdd_block(y, value);  // HERE OTHER
#else
    atomicAdd(y, value);
#endif
}
