// A thread's own array has room for four digits, and a number has five.
// launch: grid=(1,) block=(4,)
// args: x:int32[4]=arange*4115 y:int32[4]=zeros
// expect: OutOfBounds "index out of bounds"
// threads: (3,0,0)
// result: y = [int(str(n)[::-1]) for n in x]
__global__ void local_array_overflow(const int* x, int* y) {
#ifdef FAULTY
    int digits[4];
#else
    int digits[5];
#endif
    int count = 0;
    for (int rest = x[threadIdx.x]; rest > 0; rest /= 10) {
        digits[count] = rest % 10;  // HERE
        ++count;
    }
    int reversed = 0;
    for (int i = 0; i < count; ++i) reversed = 10 * reversed + digits[i];
    y[threadIdx.x] = reversed;
}
