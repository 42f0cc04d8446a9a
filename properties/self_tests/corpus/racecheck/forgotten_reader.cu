// One thread overwrites a value that its own warp has done with, and another warp may still read.
// launch: grid=(1,) block=(64,)
// args: x:int32[1]=arange+5 y:int32[64]=zeros
// expect: Race "race in shared memory" array=value element=0
// threads: (0,0,0)
// covers: race across warps
// result: y = [10, 10] + [5] * 62
__global__ void forgotten_reader(const int* x, int* y) {
    __shared__ int value;
    int t = threadIdx.x;
    if (t == 0) value = x[0];
    __syncthreads();
    int mine = value;  // OTHER
    __syncwarp();
    if (t < 2) mine += value;
#ifdef FAULTY
    __syncwarp();
#else
    __syncthreads();
#endif
    if (t == 0) value = 0;  // HERE
    y[t] = mine;
}
