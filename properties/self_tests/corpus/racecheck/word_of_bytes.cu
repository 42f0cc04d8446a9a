// Bytes are written one by one, and read four at a time before all of them are there.
// launch: grid=(1,) block=(32,)
// args: x:uint8[32]=arange y:uint32[8]=zeros
// expect: Race "race in shared memory" array=bytes element=0
// threads: (4,0,0) (0,0,0)
// covers: byte-sized data
// result: y = np.append(0, x.view(np.uint32)[:-1])
__global__ void word_of_bytes(const unsigned char* x, unsigned* y) {
    __shared__ __align__(4) unsigned char bytes[32];
    int t = threadIdx.x;
    bytes[t] = x[t];  // OTHER
#ifndef FAULTY
    __syncthreads();
#endif
    if (t % 4 == 0 && t > 0) y[t / 4] = reinterpret_cast<unsigned*>(bytes)[t / 4 - 1];  // HERE
}
