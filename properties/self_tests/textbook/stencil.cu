// Stencils with a halo in shared memory. stencil1d: seven points, weights in constant memory, as in NVIDIA's
// introductory courses ("CUDA C/C++ Basics", 1-D stencil). jacobi2d: five points, Kirk and Hwu, ch. 8. stencil3d:
// a plane at a time along z, after Micikevicius, "3D Finite Difference Computation on GPUs using CUDA" (2009).

#define RADIUS 3
#define BLOCK_SIZE 64
#define BX 16
#define BY 8

__constant__ float c_weights[2 * RADIUS + 1] = {1.0f, -2.0f, 3.0f, 5.0f, 7.0f, -4.0f, 2.0f};

extern "C" __global__ void stencil1d(const float* __restrict__ in, float* __restrict__ out, int n) {
  __shared__ float temp[BLOCK_SIZE + 2 * RADIUS];
  const int gindex = threadIdx.x + blockIdx.x * blockDim.x;
  const int lindex = threadIdx.x + RADIUS;

  temp[lindex] = gindex < n ? in[gindex] : 0.0f;
  if (threadIdx.x < RADIUS) {
    temp[lindex - RADIUS] = gindex >= RADIUS ? in[gindex - RADIUS] : 0.0f;
    temp[lindex + BLOCK_SIZE] = gindex + BLOCK_SIZE < n ? in[gindex + BLOCK_SIZE] : 0.0f;
  }
  __syncthreads();

  if (gindex >= n) return;
  float result = 0;
#pragma unroll
  for (int offset = -RADIUS; offset <= RADIUS; offset++) result += c_weights[offset + RADIUS] * temp[lindex + offset];
  out[gindex] = result;
}

// One Jacobi step of Laplace's equation; the rim stays as it is.
extern "C" __global__ void __launch_bounds__(BX* BY)
    jacobi2d(const float* __restrict__ u, float* __restrict__ unew, int nx, int ny) {
  __shared__ float s[BY + 2][BX + 2];
  const int tx = threadIdx.x + 1, ty = threadIdx.y + 1;
  const int ix = blockIdx.x * BX + threadIdx.x;
  const int iy = blockIdx.y * BY + threadIdx.y;
  const int idx = iy * nx + ix;
  const bool inside = ix < nx && iy < ny;

  if (inside) {
    s[ty][tx] = u[idx];
    if (threadIdx.x == 0 && ix > 0) s[ty][0] = u[idx - 1];
    if (threadIdx.x == BX - 1 && ix < nx - 1) s[ty][BX + 1] = u[idx + 1];
    if (threadIdx.y == 0 && iy > 0) s[0][tx] = u[idx - nx];
    if (threadIdx.y == BY - 1 && iy < ny - 1) s[BY + 1][tx] = u[idx + nx];
  }
  __syncthreads();

  if (inside) {
    const bool rim = ix == 0 || ix == nx - 1 || iy == 0 || iy == ny - 1;
    unew[idx] = rim ? s[ty][tx] : 0.25f * (s[ty][tx - 1] + s[ty][tx + 1] + s[ty - 1][tx] + s[ty + 1][tx]);
  }
}

// Seven points in space: the plane's neighbours in shared memory, those above and below in registers.
extern "C" __global__ void stencil3d(const float* __restrict__ in, float* __restrict__ out, int nx, int ny, int nz) {
  __shared__ float plane[BY + 2][BX + 2];
  const int ix = blockIdx.x * BX + threadIdx.x;
  const int iy = blockIdx.y * BY + threadIdx.y;
  const int stride = nx * ny;
  const bool active = ix < nx && iy < ny;
  const int tx = threadIdx.x + 1, ty = threadIdx.y + 1;
  int at = iy * nx + ix;

  float behind = 0.0f, current = active ? in[at] : 0.0f;
  float infront = active && nz > 1 ? in[at + stride] : 0.0f;
  for (int z = 0; z < nz; z++, at += stride) {
    __syncthreads();  // the previous plane has been read
    plane[ty][tx] = current;
    if (threadIdx.x == 0) plane[ty][0] = active && ix > 0 ? in[at - 1] : 0.0f;
    if (threadIdx.x == BX - 1) plane[ty][BX + 1] = active && ix + 1 < nx ? in[at + 1] : 0.0f;
    if (threadIdx.y == 0) plane[0][tx] = active && iy > 0 ? in[at - nx] : 0.0f;
    if (threadIdx.y == BY - 1) plane[BY + 1][tx] = active && iy + 1 < ny ? in[at + nx] : 0.0f;
    __syncthreads();
    if (active)
      out[at] = behind + infront + plane[ty][tx - 1] + plane[ty][tx + 1] + plane[ty - 1][tx] + plane[ty + 1][tx] -
                6.0f * current;
    behind = current;
    current = infront;
    infront = active && z + 2 < nz ? in[at + 2 * stride] : 0.0f;
  }
}
