// A shuffle's mask names half of the lanes that execute it.
// launch: grid=(1,) block=(32,)
// args: x:int32[32]=arange y:int32[32]=zeros
// expect: BarrierDivergence "wrong mask"
// threads: (16,0,0)
// covers: wrong shuffle mask
// result: y = x[::-1]
__global__ void shuffle_mask_too_small(const int* x, int* y) {
#ifdef FAULTY
    unsigned lanes = 0x0000ffff;
#else
    unsigned lanes = 0xffffffff;
#endif
    y[threadIdx.x] = __shfl_sync(lanes, x[threadIdx.x], 31 - threadIdx.x);  // HERE
}
