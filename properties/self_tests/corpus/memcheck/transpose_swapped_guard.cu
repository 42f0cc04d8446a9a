// A transpose compares the row with the width and the column with the height: right for square matrices only.
// launch: grid=(2,2) block=(4,4)
// args: x:float32[5,8]=arange y:float32[8,5]=zeros height:int32=5 width:int32=8
// expect: OutOfBounds "out-of-bounds read" array=x element=40
// threads: (0,1,0)
// blocks: (0,1,0)
// result: y = x.T
__global__ void transpose_swapped_guard(const float* x, float* y, int height, int width) {
    int row = blockIdx.y * blockDim.y + threadIdx.y, column = blockIdx.x * blockDim.x + threadIdx.x;
#ifdef FAULTY
    bool inside = row < width && column < height;
#else
    bool inside = row < height && column < width;
#endif
    if (inside) y[column * height + row] = x[row * width + column];  // HERE
}
