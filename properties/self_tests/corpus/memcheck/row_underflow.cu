// Rows of a 2-D shared array are read one column before their start: the last element of the row before.
// launch: grid=(1,) block=(8,8)
// args: x:int32[8,8]=arange y:int32[8,8]=zeros
// expect: OutOfBounds "index out of bounds"
// threads: (0,0,0)
// covers: row overflow inside a 2-D shared array
// result: y = np.roll(x, 1, axis=1)
__global__ void row_underflow(const int* x, int* y) {
    __shared__ int tile[8][8];
    int row = threadIdx.y, column = threadIdx.x;
    tile[row][column] = x[row * 8 + column];
    __syncthreads();
#ifdef FAULTY
    int left = column - 1;
#else
    int left = (column + 7) % 8;
#endif
    y[row * 8 + column] = tile[row][left];  // HERE
}
