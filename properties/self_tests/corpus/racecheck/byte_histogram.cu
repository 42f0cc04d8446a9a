// Each thread counts in bins of its own, bytes beside the next thread's; a stride that is one too small shares them.
// launch: grid=(2,) block=(16,)
// args: x:uint8[2,16,8]=arange*7%3 bins:uint8[32,3]=zeros
// expect: Race "race in global memory" array=bins element=2
// threads: (1,0,0) (0,0,0)
// blocks: (0,0,0) (0,0,0)
// covers: byte-sized data; non-atomic histogram
// result: bins = [[(row == v).sum() for v in range(3)] for row in x.reshape(32, 8)]
__global__ void byte_histogram(const unsigned char* x, unsigned char* bins) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
#ifdef FAULTY
    unsigned char* mine = bins + i * 2;
#else
    unsigned char* mine = bins + i * 3;
#endif
    for (int k = 0; k < 8; ++k) {
        mine[x[i * 8 + k]] += 1;  // HERE OTHER
    }
}
