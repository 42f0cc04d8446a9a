// A convolution as a matrix product whose left matrix is never stored. A row is an output pixel, a column an output
// channel, and the sum runs over taps and input channels. A block computes 8 x 8 outputs, 8 terms at a time.
struct Problem {  // the fields of refconv_cuda.geometry, in their order
    int batch, height, width, c_in, c_out, kernel_height, kernel_width, stride_height, stride_width;
    int pad_top, pad_left, dilation_height, dilation_width, groups, out_height, out_width;
};

extern "C" __global__ void forward(const float* x, const float* w, float* y, Problem p) {
    __shared__ float pixels[8][8], weights[8][8];
    int row = blockIdx.x * 8 + threadIdx.y, column = blockIdx.y * 8 + threadIdx.x;
    int rows = p.batch * p.out_height * p.out_width, terms = p.kernel_height * p.kernel_width * p.c_in;
    int i = row / p.out_width / p.out_height, j = row / p.out_width % p.out_height, k = row % p.out_width;
    float sum = 0;
    for (int begin = 0; begin < terms; begin += 8) {
        int t = begin + threadIdx.x, m = t / p.c_in / p.kernel_width, n = t / p.c_in % p.kernel_width;
        int u = j * p.stride_height + m * p.dilation_height - p.pad_top;
        int v = k * p.stride_width + n * p.dilation_width - p.pad_top;
        bool inside = row < rows && t < terms && 0 <= u && u < p.height && 0 <= v && v < p.width;
        pixels[threadIdx.y][threadIdx.x] = inside ? x[((i * p.height + u) * p.width + v) * p.c_in + t % p.c_in] : 0;
        t = begin + threadIdx.y;
        weights[threadIdx.y][threadIdx.x] = t < terms && column < p.c_out ? w[t * p.c_out + column] : 0;
        __syncthreads();  // all have staged
        for (int t = 0; t < 8; ++t) sum += pixels[threadIdx.y][t] * weights[t][threadIdx.x];
        __syncthreads();  // all have added
    }
    if (row < rows && column < p.c_out) y[row * p.c_out + column] = sum;
}
