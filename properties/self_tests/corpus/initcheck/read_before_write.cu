// A running sum reads its old value in the first round, when it has none yet.
// launch: grid=(1,) block=(32,)
// args: x:float32[3,32]=arange y:float32[32]=zeros rounds:int32=3
// expect: UninitialisedRead "uninitialised shared memory" array=sums element=0
// threads: (0,0,0)
// result: y = x.sum(0)
__global__ void read_before_write(const float* x, float* y, int rounds) {
    __shared__ float sums[32];
    int t = threadIdx.x;
    for (int round = 0; round < rounds; ++round) {
#ifdef FAULTY
        bool first = round < 0;
#else
        bool first = round == 0;
#endif
        float before = first ? 0 : sums[t];  // HERE
        sums[t] = before + x[round * 32 + t];
        __syncthreads();
    }
    y[t] = sums[t];
}
