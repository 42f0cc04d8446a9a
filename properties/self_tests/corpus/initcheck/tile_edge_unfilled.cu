// The threads beyond the array leave their elements of the tile as they are, and others read them.
// launch: grid=(1,) block=(32,)
// args: x:float32[30]=arange+1 y:float32[32]=zeros n:int32=30
// expect: UninitialisedRead "uninitialised shared memory" array=tile element=31
// threads: (0,0,0)
// covers: uninitialised shared tile
// result: y = np.append(x, [0, 0])[::-1]
__global__ void tile_edge_unfilled(const float* x, float* y, int n) {
    __shared__ float tile[32];
    int t = threadIdx.x;
#ifdef FAULTY
    if (t < n) tile[t] = x[t];
#else
    tile[t] = t < n ? x[t] : 0;
#endif
    __syncthreads();
    y[t] = tile[31 - t];  // HERE
}
