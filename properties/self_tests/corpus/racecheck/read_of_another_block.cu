// Each block takes its left neighbour's result, as if blocks ran one after another.
// launch: grid=(3,) block=(16,)
// args: x:int32[48]=arange y:int32[48]=zeros
// expect: Race "race in global memory" array=y element=15
// threads: (0,0,0) (15,0,0)
// blocks: (1,0,0) (0,0,0)
// covers: race across blocks
// result: y = [2 * n + (2 * (n - 1) if n % 16 == 0 and n else 0) for n in x]
__global__ void read_of_another_block(const int* x, int* y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, left = 0;
#ifdef FAULTY
    if (threadIdx.x == 0 && i > 0) left = y[i - 1];  // HERE
#else
    if (threadIdx.x == 0 && i > 0) left = 2 * x[i - 1];
#endif
    y[i] = 2 * x[i] + left;  // OTHER
}
