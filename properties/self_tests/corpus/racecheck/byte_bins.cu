// Bytes that are neighbours in one word are no race; two threads at the same byte are one.
// launch: grid=(1,) block=(32,)
// args: x:uint8[32]=arange%5 y:uint8[32]=zeros
// expect: Race "race in shared memory" array=bytes element=0
// threads: (1,0,0) (0,0,0)
// covers: byte-sized data
// result: y = x + 1
__global__ void byte_bins(const unsigned char* x, unsigned char* y) {
    __shared__ unsigned char bytes[32];
    int t = threadIdx.x;
#ifdef FAULTY
    int bin = t / 2;
#else
    int bin = t;
#endif
    bytes[bin] = x[bin] + 1;  // HERE OTHER
    __syncthreads();
    y[t] = bytes[bin];
}
