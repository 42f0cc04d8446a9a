// Each thread reads its right neighbour, and so does the last one, which has none.
// launch: grid=(1,) block=(32,)
// args: x:float32[32]=arange y:float32[32]=zeros n:int32=32
// expect: OutOfBounds "out-of-bounds read" array=x element=32
// threads: (31,0,0)
// covers: off-by-one read past the end
// result: y = np.append(x[1:], 0) - x
__global__ void read_past_the_end(const float* x, float* y, int n) {
    int i = threadIdx.x;
#ifdef FAULTY
    bool has_right = i < n;
#else
    bool has_right = i < n - 1;
#endif
    float right = has_right ? x[i + 1] : 0;  // HERE
    y[i] = right - x[i];
}
