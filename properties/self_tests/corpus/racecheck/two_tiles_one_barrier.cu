// A kernel with templates: two tiles of one shared array are filled, and only the first is waited for.
// launch: grid=(1,) block=(32,)
// kernel: two_tiles_one_barrier<int, 32>
// args: x:int32[64]=arange y:int32[32]=zeros
// expect: Race "race in shared memory" array=tiles element=32
// threads: (1,0,0) (0,0,0)
// result: y = x[:32] + np.append(0, x[32:-1])
template <typename T, int kSize>
__global__ void two_tiles_one_barrier(const T* x, T* y) {
    __shared__ T tiles[2][kSize];
    int t = threadIdx.x;
    tiles[0][t] = x[t];
#ifdef FAULTY
    __syncthreads();
    tiles[1][t] = x[kSize + t];  // OTHER
#else
    tiles[1][t] = x[kSize + t];
    __syncthreads();
#endif
    T left = t > 0 ? tiles[1][t - 1] : 0;  // HERE
    y[t] = tiles[0][t] + left;
}
