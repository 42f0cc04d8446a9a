// The discrete Fourier transform of rows whose length is a power of two. Stockham's autosort form (1966) of Cooley and
// Tukey, radix 2, one block per row, ping and pong in shared memory, as in Govindaraju et al., "High Performance
// Discrete Fourier Transforms on Graphics Processors" (2008).

static inline __device__ float2 operator+(float2 a, float2 b) { return make_float2(a.x + b.x, a.y + b.y); }
static inline __device__ float2 operator-(float2 a, float2 b) { return make_float2(a.x - b.x, a.y - b.y); }
static inline __device__ float2 operator*(float2 a, float2 b) {
  return make_float2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

extern "C" __global__ void fft_stockham(const float2* __restrict__ in, float2* __restrict__ out, int n) {
  extern __shared__ float2 buffers[];
  float2* src = buffers;
  float2* dst = buffers + n;
  const int j = threadIdx.x;  // n / 2 threads
  in += blockIdx.x * n;
  out += blockIdx.x * n;

  src[j] = in[j];
  src[j + n / 2] = in[j + n / 2];  // what this thread reads first
  for (int ns = 1; ns < n; ns *= 2) {
    float s, c;
    sincospif(-(float)(j % ns) / ns, &s, &c);  // exp(-2 pi i (j mod ns) / (2 ns))
    const float2 v0 = src[j];
    const float2 v1 = src[j + n / 2] * make_float2(c, s);
    const int at = j / ns * 2 * ns + j % ns;
    dst[at] = v0 + v1;
    dst[at + ns] = v0 - v1;
    __syncthreads();
    float2* swap = src;
    src = dst;
    dst = swap;
  }
  out[j] = src[j];
  out[j + n / 2] = src[j + n / 2];
}
