// The last tile of a matrix product reaches beyond the matrix when the inner size is no multiple of the tile's.
// launch: grid=(1,) block=(4,4)
// args: a:float32[4,6]=arange%5 b:float32[6,4]=arange%7 c:float32[4,4]=zeros n:int32=6
// expect: OutOfBounds "out-of-bounds read" array=a element=24
// threads: (2,3,0)
// result: c = a @ b
__global__ void matmul_ragged_tile(const float* a, const float* b, float* c, int n) {
    __shared__ float a_tile[4][4], b_tile[4][4];
    int row = threadIdx.y, column = threadIdx.x;
    float sum = 0;
    for (int first = 0; first < n; first += 4) {
        bool inside = first + row < n;
        b_tile[row][column] = inside ? b[(first + row) * 4 + column] : 0;
#ifndef FAULTY
        inside = first + column < n;
#else
        inside = first < n;
#endif
        a_tile[row][column] = inside ? a[row * n + first + column] : 0;  // HERE
        __syncthreads();
        for (int k = 0; k < 4; ++k) sum += a_tile[row][k] * b_tile[k][column];
        __syncthreads();
    }
    c[row * 4 + column] = sum;
}
