// A tiled matrix product loads the next tiles while other threads still multiply the last ones.
// launch: grid=(1,) block=(8,8)
// args: a:float32[8,16]=arange%5 b:float32[16,8]=arange%7 c:float32[8,8]=zeros n:int32=16
// expect: Race "race in shared memory" array=a_tile element=0
// threads: (1,0,0) (0,0,0)
// covers: missing barrier at the end of a tile loop
// result: c = a @ b
__global__ void matmul_last_barrier(const float* a, const float* b, float* c, int n) {
    __shared__ float a_tile[8][8], b_tile[8][8];
    int row = threadIdx.y, column = threadIdx.x;
    float sum = 0;
    for (int first = 0; first < n; first += 8) {
        a_tile[row][column] = a[row * n + first + column];  // OTHER
        b_tile[row][column] = b[(first + row) * 8 + column];
        __syncthreads();
        for (int k = 0; k < 8; ++k) sum += a_tile[row][k] * b_tile[k][column];  // HERE
#ifndef FAULTY
        __syncthreads();
#endif
    }
    c[row * 8 + column] = sum;
}
