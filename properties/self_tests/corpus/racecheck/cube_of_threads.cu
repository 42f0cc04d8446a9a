// In a three-dimensional block each plane uses the one below, before the barrier that should stand between them.
// launch: grid=(1,1,2) block=(4,4,4)
// args: x:int32[2,4,4,4]=arange y:int32[2,4,4,4]=zeros
// expect: Race "race in shared memory" array=planes element=0
// threads: (0,0,1) (0,0,0)
// blocks: (0,0,0) (0,0,0)
// covers: 3-D block
// result: y = x + np.concatenate([np.zeros((2, 1, 4, 4), int), x[:, :-1]], axis=1)
__global__ void cube_of_threads(const int* x, int* y) {
    __shared__ int planes[4][4][4];
    int i = ((blockIdx.z * 4 + threadIdx.z) * 4 + threadIdx.y) * 4 + threadIdx.x;
    planes[threadIdx.z][threadIdx.y][threadIdx.x] = x[i];  // OTHER
#ifndef FAULTY
    __syncthreads();
#endif
    int below = threadIdx.z > 0 ? planes[threadIdx.z - 1][threadIdx.y][threadIdx.x] : 0;  // HERE
    y[i] = x[i] + below;
}
