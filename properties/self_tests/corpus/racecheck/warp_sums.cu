// Shuffles add up each warp; the warps' sums are added before all of them are there.
// launch: grid=(1,) block=(64,)
// args: x:int32[64]=arange*3%17 y:int32[1]=zeros
// expect: Race "race in shared memory" array=sums element=0
// threads: (63,0,0) (0,0,0)
// covers: race across warps
// result: y = [x.sum()]
__global__ void warp_sums(const int* x, int* y) {
    __shared__ int sums[2];
    int t = threadIdx.x, value = x[t];
    for (int half = 16; half > 0; half /= 2) value += __shfl_down_sync(0xffffffff, value, half);
    if (t % 32 == 0) sums[t / 32] = value;  // OTHER
#ifndef FAULTY
    __syncthreads();
#endif
    if (t == 63) y[0] = sums[0] + sums[1];  // HERE
}
