// Each thread adds its left neighbour in place, also where that one has been there before.
// launch: grid=(1,) block=(64,)
// args: x:int32[64]=arange
// expect: Race "race in global memory" array=x element=0
// threads: (1,0,0) (0,0,0)
// result: x = x + np.append(0, x[:-1])
__global__ void in_place_stencil(int* x) {
    int t = threadIdx.x;
    int left = t > 0 ? x[t - 1] : 0;  // HERE
#ifndef FAULTY
    __syncthreads();
#endif
    x[t] += left;  // OTHER
}
