// Of a shared array of bytes, one inside a word is not written.
// launch: grid=(1,) block=(32,)
// args: x:uint8[32]=arange y:uint8[32]=zeros skipped:int32=5
// expect: UninitialisedRead "uninitialised shared memory" array=mask element=5
// threads: (26,0,0)
// covers: byte-sized data
// result: y = x[::-1] * (x[::-1] != 5)
__global__ void one_byte_missing(const unsigned char* x, unsigned char* y, int skipped) {
    __shared__ unsigned char mask[32];
    int t = threadIdx.x;
    if (t != skipped) mask[t] = x[t];
#ifndef FAULTY
    if (t == skipped) mask[t] = 0;
#endif
    __syncthreads();
    y[t] = mask[31 - t];  // HERE
}
