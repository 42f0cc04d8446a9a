// Rows, then columns, of a separable filter. Podlozhnyuk, "Image Convolution with CUDA" (NVIDIA, 2007), the sample
// convolutionSeparable: several results per thread, halos of whole blocks, weights in constant memory.

#define KERNEL_RADIUS 4
#define KERNEL_LENGTH (2 * KERNEL_RADIUS + 1)
#define BLOCKDIM_X 16
#define BLOCKDIM_Y 4
#define RESULT_STEPS 4
#define HALO_STEPS 1

__constant__ float c_Kernel[KERNEL_LENGTH] = {1.f, 2.f, -1.f, 3.f, 4.f, 0.f, -2.f, 1.f, 5.f};

template <bool ROWS>
__global__ void convolution(float* d_Dst, const float* d_Src, int imageW, int imageH, int pitch) {
  constexpr int W = ROWS ? BLOCKDIM_X : BLOCKDIM_Y;  // along the filter
  __shared__ float s_Data[ROWS ? BLOCKDIM_Y : BLOCKDIM_X][(RESULT_STEPS + 2 * HALO_STEPS) * W + 1];
  static_assert(HALO_STEPS * W >= KERNEL_RADIUS, "the halo holds the radius");
  const int along = ROWS ? threadIdx.x : threadIdx.y, across = ROWS ? threadIdx.y : threadIdx.x;
  const int length = ROWS ? imageW : imageH, step = ROWS ? 1 : pitch;

  // offset to the left (upper) halo edge
  const int base = ((ROWS ? blockIdx.x : blockIdx.y) * RESULT_STEPS - HALO_STEPS) * W + along;
  const int line = ROWS ? blockIdx.y * BLOCKDIM_Y + across : blockIdx.x * BLOCKDIM_X + across;
  const bool inside = line < (ROWS ? imageH : imageW);
  const int offset = line * (ROWS ? pitch : 1);

#pragma unroll
  for (int i = 0; i < RESULT_STEPS + 2 * HALO_STEPS; i++) {
    const int p = base + i * W;
    s_Data[across][along + i * W] = (inside && p >= 0 && p < length) ? d_Src[offset + p * step] : 0;
  }
  __syncthreads();

#pragma unroll
  for (int i = HALO_STEPS; i < HALO_STEPS + RESULT_STEPS; i++) {
    const int p = base + i * W;
    if (!inside || p >= length) break;
    float sum = 0;
#pragma unroll
    for (int j = -KERNEL_RADIUS; j <= KERNEL_RADIUS; j++)
      sum += c_Kernel[KERNEL_RADIUS - j] * s_Data[across][along + i * W + j];
    d_Dst[offset + p * step] = sum;
  }
}
