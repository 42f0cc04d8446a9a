// Each thread reads its left neighbour, and so does the first one, which has none.
// launch: grid=(1,) block=(32,)
// args: x:float32[32]=arange+1 y:float32[32]=zeros
// expect: OutOfBounds "out-of-bounds read" array=x element=-1
// threads: (0,0,0)
// covers: off-by-one read before the start
// result: y = x - np.append(0, x[:-1])
__global__ void read_before_the_start(const float* x, float* y) {
    int i = threadIdx.x;
#ifdef FAULTY
    bool has_left = i >= 0;
#else
    bool has_left = i > 0;
#endif
    float left = has_left ? x[i - 1] : 0;  // HERE
    y[i] = x[i] - left;
}
