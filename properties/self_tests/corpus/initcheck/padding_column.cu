// A tile has a column of padding against bank conflicts, and a loop reads it as if it were data.
// launch: grid=(1,) block=(8,8)
// args: x:int32[8,8]=arange y:int32[8]=zeros
// expect: UninitialisedRead "uninitialised shared memory" array=tile element=8
// threads: (0,0,0)
// covers: uninitialised shared tile
// result: y = x.sum(1)
__global__ void padding_column(const int* x, int* y) {
    __shared__ int tile[8][8 + 1];
    tile[threadIdx.y][threadIdx.x] = x[threadIdx.y * 8 + threadIdx.x];
    __syncthreads();
    if (threadIdx.y > 0) return;
#ifdef FAULTY
    int columns = 9;
#else
    int columns = 8;
#endif
    int sum = 0;
    for (int column = 0; column < columns; ++column) {
        sum += tile[threadIdx.x][column];  // HERE
    }
    y[threadIdx.x] = sum;
}
