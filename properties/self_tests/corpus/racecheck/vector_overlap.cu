// One thread's int4 store covers the int that its neighbour has stored.
// launch: grid=(1,) block=(8,)
// args: x:int32[8]=arange+1 y:int32[36]=zeros
// expect: Race "race in global memory" array=y element=4
// threads: (1,0,0) (0,0,0)
// result: y = np.append(np.repeat(x, 4), [0, 0, 0, 0]) * ([1, 1, 1, -1] * 8 + [1] * 4)
__global__ void vector_overlap(const int* x, int* y) {
    int t = threadIdx.x, v = x[t];
    reinterpret_cast<int4*>(y)[t] = make_int4(v, v, v, v);  // HERE
#ifdef FAULTY
    y[4 * t + 4] = -v;  // OTHER
#else
    y[4 * t + 3] = -v;
#endif
}
