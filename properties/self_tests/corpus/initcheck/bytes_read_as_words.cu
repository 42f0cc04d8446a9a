// Bytes are written one by one and read four at a time, and the last four are missing. (One alone could as well be the
// padding of a struct.)
// launch: grid=(1,) block=(32,)
// args: x:uint8[32]=arange y:uint32[8]=zeros n:int32=28
// expect: UninitialisedRead "uninitialised shared memory" array=bytes element=7
// threads: (7,0,0)
// covers: byte-sized data
// result: y = (x * (np.arange(32) < 28)).astype(np.uint8).view(np.uint32)
__global__ void bytes_read_as_words(const unsigned char* x, unsigned* y, int n) {
    __shared__ __align__(4) unsigned char bytes[32];
    int t = threadIdx.x;
    if (t < n) bytes[t] = x[t];
#ifndef FAULTY
    if (t >= n) bytes[t] = 0;
#endif
    __syncthreads();
    if (t < 8) y[t] = reinterpret_cast<unsigned*>(bytes)[t];  // HERE
}
