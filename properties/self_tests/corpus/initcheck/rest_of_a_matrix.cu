// A kernel writes the columns that fill whole blocks, and a second loop adds up all columns.
// launch: grid=(1,) block=(4,)
// args: x:float32[4,10]=arange squares:float32[4,10]=empty y:float32[4]=empty
// expect: UninitialisedRead "uninitialised global memory" array=squares element=8
// threads: (0,0,0)
// result: y = (x * x).sum(1)
__global__ void rest_of_a_matrix(const float* x, float* squares, float* y) {
    int row = threadIdx.x;
#ifdef FAULTY
    const int width = 8;
#else
    const int width = 10;
#endif
    for (int column = 0; column < width; ++column) {
        squares[row * 10 + column] = x[row * 10 + column] * x[row * 10 + column];
    }
    float sum = 0;
    for (int column = 0; column < 10; ++column) {
        sum += squares[row * 10 + column];  // HERE
    }
    y[row] = sum;
}
