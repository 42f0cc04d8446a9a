// Integers behind a header of one byte are read through an int pointer, at odd addresses.
// launch: grid=(1,) block=(8,)
// args: bytes:uint8[36]=arange y:int32[8]=zeros
// expect: OutOfBounds "misaligned access" array=bytes element=1
// threads: (0,0,0)
// result: y = bytes[4:].view(np.int32)
__global__ void int_in_bytes_misaligned(const unsigned char* bytes, int* y) {
#ifdef FAULTY
    const int header = 1;
#else
    const int header = 4;
#endif
    y[threadIdx.x] = *reinterpret_cast<const int*>(bytes + header + 4 * threadIdx.x);  // HERE
}
