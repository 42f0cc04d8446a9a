// The forward pass with one thread an output element and no shared memory: the kernel that a first CUDA lesson writes.
// It is the fair one to compare simulators with, because Numba's can run its twin line by line.
extern "C" __global__ void direct_forward(const float* x, const float* w, float* y, int batch, int height, int width,
                                          int c_in, int c_out, int kernel_height, int kernel_width, int stride_height,
                                          int stride_width, int pad_top, int pad_left, int dilation_height,
                                          int dilation_width, int groups, int out_height, int out_width) {
    int e = blockIdx.x * blockDim.x + threadIdx.x;
    if (e >= batch * out_height * out_width * c_out) return;
    int l = e % c_out, k = e / c_out % out_width, j = e / c_out / out_width % out_height;
    int i = e / c_out / out_width / out_height;
    int channels = c_in / groups, first = l / (c_out / groups) * channels;
    float sum = 0;
    for (int m = 0; m < kernel_height; ++m) {
        for (int n = 0; n < kernel_width; ++n) {
            int u = j * stride_height + m * dilation_height - pad_top;
            int v = k * stride_width + n * dilation_width - pad_left;
            if (u < 0 || u >= height || v < 0 || v >= width) continue;
            for (int p = 0; p < channels; ++p) {
                sum += x[((i * height + u) * width + v) * c_in + first + p] *
                       w[((m * kernel_width + n) * channels + p) * c_out + l];
            }
        }
    }
    y[e] = sum;
}
