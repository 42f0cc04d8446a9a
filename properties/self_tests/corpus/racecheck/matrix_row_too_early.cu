// The lanes write an 8 x 8 matrix, a pair each, and ldmatrix reads its rows without a __syncwarp between the two.
// launch: grid=(1,) block=(32,)
// args: x:uint32[32]=arange y:uint32[32]=zeros
// expect: Race "race in shared memory" array=tile element=1
// threads: (1,0,0) (0,0,0)
// covers: missing __syncwarp
// result: y = x
__global__ void matrix_row_too_early(const unsigned* x, unsigned* y) {
    __shared__ __align__(16) unsigned tile[8][4];
    unsigned lane = threadIdx.x, pair;
    tile[lane / 4][lane % 4] = x[lane];  // HERE
#ifndef FAULTY
    __syncwarp();
#endif
    unsigned row = static_cast<unsigned>(__cvta_generic_to_shared(tile[lane % 8]));
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(pair) : "r"(row) : "memory");  // OTHER
    y[lane] = pair;
}
