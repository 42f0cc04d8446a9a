// A struct is copied before one of its members is set; that its padding never is, is no fault.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[32]=zeros
// expect: UninitialisedRead "uninitialised shared memory" array=items
// threads: (0,0,0)
// covers: byte-sized data
// result: y = np.roll(10 * x, -1) + 1
struct Item {
    unsigned char tag;
    int value;
};
__global__ void padded_struct(const int* x, int* y) {
    __shared__ Item items[32], shifted[32];
    int t = threadIdx.x;
    items[t].tag = 1;
#ifndef FAULTY
    items[t].value = 10 * x[t];
#endif
    __syncthreads();
    shifted[t] = items[(t + 1) % 32];  // HERE
    y[t] = shifted[t].value + shifted[t].tag;
}
