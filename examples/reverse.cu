extern "C" __global__ void reverse(float* x, int n) {
    __shared__ float tile[64];
    int i = threadIdx.x;
    if (i < n) tile[i] = x[i];
    x[i] = tile[n - 1 - i];
}
