// Loops that any number of threads can run. Harris, "CUDA Pro Tip: Write Flexible Kernels with Grid-Stride Loops"
// (NVIDIA, 2013): saxpy, also four at a time; and the Mandelbrot set by escape time (Douady and Hubbard), where the
// rounding of every operation is spelled out, so that no compiler fuses any.

#define GRID_STRIDE_LOOP(i, n) \
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < (n); i += blockDim.x * gridDim.x)

extern "C" __global__ void saxpy(int n, float a, const float* __restrict__ x, float* y) {
  GRID_STRIDE_LOOP(i, n) { y[i] = a * x[i] + y[i]; }
}

extern "C" __global__ void saxpy4(int n, float a, const float* x, float* y) {
  const float4* x4 = reinterpret_cast<const float4*>(x);
  float4* y4 = reinterpret_cast<float4*>(y);
  GRID_STRIDE_LOOP(i, n / 4) {
    const float4 xi = x4[i];
    float4 yi = y4[i];
    yi.x = fmaf(a, xi.x, yi.x);
    yi.y = fmaf(a, xi.y, yi.y);
    yi.z = fmaf(a, xi.z, yi.z);
    yi.w = fmaf(a, xi.w, yi.w);
    y4[i] = yi;
  }
  if (blockIdx.x == 0 && threadIdx.x < n % 4) {  // the remainder
    const int i = n / 4 * 4 + threadIdx.x;
    y[i] = fmaf(a, x[i], y[i]);
  }
}

extern "C" __global__ void mandelbrot(unsigned short* __restrict__ image, int width, int height, float x0, float y0,
                                      float step, int maxIterations) {
  for (int row = blockIdx.y * blockDim.y + threadIdx.y; row < height; row += blockDim.y * gridDim.y) {
    for (int col = blockIdx.x * blockDim.x + threadIdx.x; col < width; col += blockDim.x * gridDim.x) {
      const float cr = __fadd_rn(x0, __fmul_rn(__int2float_rn(col), step));
      const float ci = __fadd_rn(y0, __fmul_rn(__int2float_rn(row), step));
      float zr = 0.0f, zi = 0.0f, rr = 0.0f, ii = 0.0f;
      int k = 0;
      for (; k < maxIterations && __fadd_rn(rr, ii) <= 4.0f; ++k) {
        zi = __fadd_rn(__fmul_rn(2.0f, __fmul_rn(zr, zi)), ci);
        zr = __fadd_rn(__fsub_rn(rr, ii), cr);
        rr = __fmul_rn(zr, zr);
        ii = __fmul_rn(zi, zi);
      }
      image[row * width + col] = (unsigned short)k;
    }
  }
}
