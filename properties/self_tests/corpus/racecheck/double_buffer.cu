// With two buffers one barrier a round is enough, but only behind the uses; here it stands before them.
// launch: grid=(1,) block=(64,)
// args: x:int32[256]=arange*5%11 y:int32[64]=zeros n:int32=4
// expect: Race "race in shared memory" array=buffer element=0
// threads: (1,0,0) (0,0,0)
// covers: double buffer with one barrier too few
// result: y = np.roll(x.reshape(4, 64), 1, axis=1).sum(0)
__global__ void double_buffer(const int* x, int* y, int n) {
    __shared__ int buffer[2][64];
    int t = threadIdx.x, sum = 0;
    buffer[0][t] = x[t];
    __syncthreads();
    for (int i = 0; i < n; ++i) {
        if (i + 1 < n) buffer[(i + 1) % 2][t] = x[(i + 1) * 64 + t];  // OTHER
#ifdef FAULTY
        __syncthreads();
#endif
        sum += buffer[i % 2][(t + 63) % 64];  // HERE
#ifndef FAULTY
        __syncthreads();
#endif
    }
    y[t] = sum;
}
