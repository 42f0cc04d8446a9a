// Rows of 16 threads take their first element from a lane, with the mask of the first row for all of them.
// launch: grid=(1,) block=(16,4)
// args: x:int32[4,16]=arange*7%31 y:int32[4,16]=zeros
// expect: BarrierDivergence "wrong mask"
// threads: (0,1,0)
// covers: wrong shuffle mask
// result: y = x - x[:, :1]
__global__ void rows_of_half_a_warp(const int* x, int* y) {
    int i = threadIdx.y * 16 + threadIdx.x;
#ifdef FAULTY
    unsigned row = 0xffff;
#else
    unsigned row = 0xffffu << (threadIdx.y % 2 * 16);
#endif
    y[i] = x[i] - __shfl_sync(row, x[i], 0, 16);  // HERE
}
