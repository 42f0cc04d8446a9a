// A loop with two buffers fills the next one each time; the first one was nobody's next.
// launch: grid=(1,) block=(32,)
// args: x:int32[96]=arange y:int32[32]=zeros n:int32=3
// expect: UninitialisedRead "uninitialised shared memory" array=buffer element=31
// threads: (0,0,0)
// covers: uninitialised shared tile
// result: y = x.reshape(3, 32)[:, ::-1].sum(0)
__global__ void first_buffer_unfilled(const int* x, int* y, int n) {
    __shared__ int buffer[2][32];
    int t = threadIdx.x, sum = 0;
#ifndef FAULTY
    buffer[0][t] = x[t];
#endif
    __syncthreads();
    for (int i = 0; i < n; ++i) {
        if (i + 1 < n) buffer[(i + 1) % 2][t] = x[(i + 1) * 32 + t];
        sum += buffer[i % 2][31 - t];  // HERE
        __syncthreads();
    }
    y[t] = sum;
}
