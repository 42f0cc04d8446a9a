// A tiled matrix product multiplies before the other threads have loaded their elements of the tiles.
// launch: grid=(1,) block=(8,8)
// args: a:float32[8,16]=arange%5 b:float32[16,8]=arange%7 c:float32[8,8]=zeros n:int32=16
// expect: Race "race in shared memory" array=a_tile element=1
// threads: (1,0,0) (0,0,0)
// covers: missing barrier at the start of a tile loop
// result: c = a @ b
__global__ void matmul_first_barrier(const float* a, const float* b, float* c, int n) {
    __shared__ float a_tile[8][8], b_tile[8][8];
    int row = threadIdx.y, column = threadIdx.x;
    float sum = 0;
    for (int first = 0; first < n; first += 8) {
        a_tile[row][column] = a[row * n + first + column];  // HERE
        b_tile[row][column] = b[(first + row) * 8 + column];
#ifndef FAULTY
        __syncthreads();
#endif
        for (int k = 0; k < 8; ++k) sum += a_tile[row][k] * b_tile[k][column];  // OTHER
        __syncthreads();
    }
    c[row * 8 + column] = sum;
}
