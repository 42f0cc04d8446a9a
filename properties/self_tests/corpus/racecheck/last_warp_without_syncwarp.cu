// The last warp of a sum trusts that its lanes run in step, which no GPU since Volta promises.
// launch: grid=(1,) block=(64,)
// args: x:int32[64]=arange*3%17 y:int32[1]=zeros
// expect: Race "race in shared memory" array=part element=1
// threads: (1,0,0) (0,0,0)
// covers: missing __syncwarp
// result: y = [x.sum()]
__global__ void last_warp_without_syncwarp(const int* x, int* y) {
    __shared__ int part[64];
    int t = threadIdx.x;
    part[t] = x[t];
    __syncthreads();
    if (t < 32) {
        int sum = part[t];
        for (int half = 32; half > 0; half /= 2) {
            sum += part[t + half];  // OTHER
#ifndef FAULTY
            __syncwarp();
#endif
            part[t] = sum;  // HERE
#ifndef FAULTY
            __syncwarp();
#endif
        }
        if (t == 0) y[0] = sum;
    }
}
