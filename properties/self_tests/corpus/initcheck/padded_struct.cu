// One struct is copied that nobody has set; that the padding of the others never is, is no fault.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[32]=zeros
// expect: UninitialisedRead "uninitialised shared memory" array=items
// threads: (4,0,0)
// covers: byte-sized data
// result: y = np.roll(10 * x, -1) + 1
struct Item {
    unsigned char tag;
    int value;
};
__global__ void padded_struct(const int* x, int* y) {
    __shared__ Item items[32], shifted[32];
    int t = threadIdx.x;
#ifdef FAULTY
    bool sets = t != 5;
#else
    bool sets = true;
#endif
    if (sets) {
        items[t].tag = 1;
        items[t].value = 10 * x[t];
    }
    __syncthreads();
    shifted[t] = items[(t + 1) % 32];  // HERE
    y[t] = shifted[t].value + shifted[t].tag;
}
