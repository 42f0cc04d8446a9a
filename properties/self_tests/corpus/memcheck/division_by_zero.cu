// A mean divides by a count that is zero for one of the groups.
// launch: grid=(1,) block=(8,)
// args: sums:int32[8]=arange*6 counts:int32[8]=(arange-3)%8 y:int32[8]=zeros
// expect: KernelTrap "division by zero"
// threads: (3,0,0)
// result: y = sums // np.maximum(counts, 1) * (counts > 0)
__global__ void division_by_zero(const int* sums, const int* counts, int* y) {
    int i = threadIdx.x;
#ifdef FAULTY
    bool divisible = counts[i] >= 0;
#else
    bool divisible = counts[i] > 0;
#endif
    y[i] = divisible ? sums[i] / counts[i] : 0;  // HERE
}
