// A block of 4x4x4 threads loads three planes and reads four.
// launch: grid=(1,) block=(4,4,4)
// args: x:int32[4,4,4]=arange y:int32[4,4,4]=zeros depth:int32=4
// expect: UninitialisedRead "uninitialised shared memory" array=volume element=48
// threads: (0,0,2)
// covers: 3-D block; uninitialised shared tile
// result: y = np.roll(x, -1, axis=0)
__global__ void last_plane_unfilled(const int* x, int* y, int depth) {
    __shared__ int volume[4][4][4];
    int row = threadIdx.y, column = threadIdx.x, plane = threadIdx.z, i = (plane * 4 + row) * 4 + column;
#ifdef FAULTY
    bool inside = plane < depth - 1;
#else
    bool inside = plane < depth;
#endif
    if (inside) volume[plane][row][column] = x[i];
    __syncthreads();
    y[i] = volume[(plane + 1) % 4][row][column];  // HERE
}
