// Several threads write the same value to a flag. In CUDA's memory model that is a race like any other: two writes
// that nothing orders, whatever they write.
// launch: grid=(1,) block=(64,)
// args: x:int32[64]=arange found:int32[1]=zeros
// expect: Race "race in global memory" array=found element=0
// threads: (61,0,0) (60,0,0)
// covers: same-value writes
// result: found = [1]
__global__ void same_value_writes(const int* x, int* found) {
    if (x[threadIdx.x] < 60) return;
#ifdef FAULTY
    found[0] = 1;  // HERE OTHER
#else
    atomicExch(&found[0], 1);
#endif
}
