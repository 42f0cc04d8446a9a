// Rows of ldmatrix lie 24 bytes apart, to avoid bank conflicts: every other one begins at no multiple of 16.
// launch: grid=(1,) block=(32,)
// args: x:uint32[32]=arange y:uint32[32]=zeros
// expect: OutOfBounds "misaligned access" array=tile element=1
// threads: (1,0,0)
// covers: misaligned row of a matrix
// result: y = x
__global__ void matrix_row_misaligned(const unsigned* x, unsigned* y) {
#ifdef FAULTY
    const int pitch = 6;
#else
    const int pitch = 8;
#endif
    __shared__ __align__(16) unsigned tile[8 * pitch];
    unsigned lane = threadIdx.x, pair;
    tile[lane / 4 * pitch + lane % 4] = x[lane];
    __syncwarp();
    unsigned row = static_cast<unsigned>(__cvta_generic_to_shared(tile + lane % 8 * pitch));
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(pair) : "r"(row) : "memory");  // HERE
    y[lane] = pair;
}
