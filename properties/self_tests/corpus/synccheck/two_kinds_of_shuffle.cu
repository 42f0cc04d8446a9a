// Half of a warp shuffles up and the other half down, each with a mask that names both.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[32]=zeros
// expect: BarrierDivergence "divergent warp"
// threads: (16,0,0) (0,0,0)
// covers: wrong shuffle mask
// result: y = np.append(np.append(0, x[:15]), np.append(x[17:], 31))
__global__ void two_kinds_of_shuffle(const int* x, int* y) {
    int t = threadIdx.x, value = x[t];
#ifdef FAULTY
    unsigned lower = 0xffffffff, upper = 0xffffffff;
#else
    unsigned lower = 0x0000ffff, upper = 0xffff0000;
#endif
    if (t < 16) {
        value = __shfl_up_sync(lower, value, 1);  // OTHER
    } else {
        value = __shfl_down_sync(upper, value, 1);  // HERE
    }
    y[t] = value;
}
