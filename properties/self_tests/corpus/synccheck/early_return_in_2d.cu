// A block at the image's edge loses the threads beyond it before they have helped to load the tile.
// launch: grid=(1,2) block=(8,8)
// args: x:float32[12,6]=arange y:float32[6,12]=zeros height:int32=12 width:int32=6
// expect: BarrierDivergence "deserted barrier"
// threads: (0,0,0) (6,0,0)
// blocks: (0,0,0) (0,0,0)
// covers: early return before a barrier
// result: y = x.T
__global__ void early_return_in_2d(const float* x, float* y, int height, int width) {
    __shared__ float tile[8][8];
    int row = blockIdx.y * 8 + threadIdx.y, column = blockIdx.x * 8 + threadIdx.x;
    bool inside = row < height && column < width;
#ifdef FAULTY
    if (!inside) return;
#endif
    tile[threadIdx.y][threadIdx.x] = inside ? x[row * width + column] : 0;
    __syncthreads();  // HERE
    row = blockIdx.y * 8 + threadIdx.x;
    column = blockIdx.x * 8 + threadIdx.y;
    if (row < height && column < width) y[column * height + row] = tile[threadIdx.x][threadIdx.y];
}
