// -1 stands for "no parent", and the root reads its parent all the same.
// launch: grid=(1,) block=(16,)
// args: parents:int32[16]=(arange+1)//2-1 x:float32[16]=arange+1 y:float32[16]=zeros
// expect: OutOfBounds "out-of-bounds read" array=x element=-1
// threads: (0,0,0)
// covers: off-by-one read before the start
// result: y = [x[i] + (x[p] if p >= 0 else 0) for i, p in enumerate(parents)]
__global__ void sentinel_index(const int* parents, const float* x, float* y) {
    int i = threadIdx.x, parent = parents[i];
    float sum = x[i];
#ifdef FAULTY
    bool has_parent = parent >= -1;
#else
    bool has_parent = parent >= 0;
#endif
    if (has_parent) sum += x[parent];  // HERE
    y[i] = sum;
}
