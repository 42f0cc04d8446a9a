// Of 64 threads one updates an element that one other reads; all else is in order.
// launch: grid=(1,) block=(64,)
// args: x:int32[64]=arange y:int32[64]=zeros
// expect: Race "race in shared memory" array=line element=5
// threads: (40,0,0) (5,0,0)
// covers: single racing pair
// result: y = [10 if t in (5, 40) else t for t in x]
__global__ void single_pair(const int* x, int* y) {
    __shared__ int line[64];
    int t = threadIdx.x;
    line[t] = x[t];
    __syncthreads();
    if (t == 5) line[5] *= 2;  // OTHER
#ifndef FAULTY
    __syncthreads();
#endif
    y[t] = line[t == 40 ? 5 : t];  // HERE
}
