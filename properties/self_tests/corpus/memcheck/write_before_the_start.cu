// Each thread moves its element one place to the left, and so does the first one.
// launch: grid=(2,) block=(16,)
// args: x:int32[32]=arange y:int32[32]=zeros
// expect: OutOfBounds "out-of-bounds write" array=y element=-1
// threads: (0,0,0)
// blocks: (0,0,0)
// covers: off-by-one write before the start
// result: y = np.append(x[1:], 0)
__global__ void write_before_the_start(const int* x, int* y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
#ifndef FAULTY
    if (i == 0) return;
#endif
    y[i - 1] = x[i];  // HERE
}
