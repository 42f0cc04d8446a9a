// An atomic on four bytes and a plain write to one of them.
// launch: grid=(1,) block=(32,)
// args: y:uint32[1]=zeros
// expect: Race "race in global memory" array=y element=0
// threads: (1,0,0) (0,0,0)
// covers: atomic mixed with a plain write; byte-sized data
// result: y = [0x20000]
__global__ void atomic_on_half_of_a_word(unsigned* y) {
#ifdef FAULTY
    if (threadIdx.x == 0) reinterpret_cast<unsigned char*>(y)[3] = 0;  // OTHER
#endif
    if (threadIdx.x > 0) atomicAdd(y, 0x1000);  // HERE
    if (threadIdx.x == 31) atomicAdd(y, 0x1000);
}
