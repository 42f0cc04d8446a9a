// A warp hands a value on from lane 0 over lane 1 to lane 2, and the second half of the way is not ordered.
// launch: grid=(1,) block=(32,)
// args: y:int32[1]=zeros
// expect: Race "race in shared memory" array=passed element=0
// threads: (2,0,0) (0,0,0)
// covers: missing __syncwarp
// result: y = [7]
__global__ void syncwarp_chain(int* y) {
    __shared__ int passed;
    int t = threadIdx.x;
    if (t == 0) passed = 7;  // OTHER
    if (t <= 1) __syncwarp(0x3);
#ifdef FAULTY
    if (t == 2) __syncwarp(0x4);
#else
    if (t == 1 || t == 2) __syncwarp(0x6);
#endif
    if (t == 2) y[0] = passed;  // HERE
}
