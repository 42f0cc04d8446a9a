// Three of a float4's four members are set, and all are read.
// launch: grid=(1,) block=(8,)
// args: x:float32[8]=arange y:float32[8]=zeros
// expect: UninitialisedRead "uninitialised shared memory" array=points
// threads: (0,0,0)
// result: y = np.roll(3 * x + 1, 1)
__global__ void last_of_float4(const float* x, float* y) {
    __shared__ float4 points[8];
    int t = threadIdx.x;
    points[t].x = points[t].y = points[t].z = x[t];
#ifndef FAULTY
    points[t].w = 1;
#endif
    __syncthreads();
    float4 p = points[(t + 7) % 8];  // HERE
    y[t] = p.x + p.y + p.z + p.w;
}
