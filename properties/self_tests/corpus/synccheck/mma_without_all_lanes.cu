// Rows sum up on a tensor core, by a product with ones; the lanes that hold the last row, not asked for, leave.
// launch: grid=(1,) block=(32,)
// args: x:float64[32]=arange y:float64[8]=zeros n:int32=7
// expect: BarrierDivergence "deserted warp"
// threads: (0,0,0) (31,0,0)
// covers: tensor core instruction without all lanes
// result: y = x.reshape(8, 4).sum(1) * [1, 1, 1, 1, 1, 1, 1, 0]
__global__ void mma_without_all_lanes(const double* x, double* y, int n) {
    int lane = threadIdx.x, row = lane / 4;
    double one = 1, zero = 0, left, right;
#ifdef FAULTY
    if (row >= n) return;
#endif
    asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%4, %4};"  // HERE
                 : "=d"(left), "=d"(right)
                 : "d"(x[lane]), "d"(one), "d"(zero));
    if (row < n && lane % 4 == 0) y[row] = (left + right) / 2;
}
