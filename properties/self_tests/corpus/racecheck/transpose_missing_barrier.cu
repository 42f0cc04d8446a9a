// A tile is read by columns before all of its rows are written.
// launch: grid=(2,1) block=(8,8)
// args: x:float32[8,16]=arange y:float32[16,8]=zeros
// expect: Race "race in shared memory" array=tile element=9
// threads: (0,1,0) (1,0,0)
// blocks: (0,0,0) (0,0,0)
// result: y = x.T
__global__ void transpose_missing_barrier(const float* x, float* y) {
    __shared__ float tile[8][8 + 1];
    int row = threadIdx.y, column = threadIdx.x;
    tile[row][column] = x[row * 16 + blockIdx.x * 8 + column];  // HERE
#ifndef FAULTY
    __syncthreads();
#endif
    y[(blockIdx.x * 8 + row) * 8 + column] = tile[column][row];  // OTHER
}
