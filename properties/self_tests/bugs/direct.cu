// A right forward pass and a right dW, plain enough for a bug to be one line's difference.
#include "problem.cuh"

// Y: a block stages the field of a pixel, all channels, in shared memory; then each thread adds up output channels.
// Two pixels a block, so that the second field overwrites the first.
extern "C" __global__ void forward(const float* x, const float* w, float* y, Problem p) {
    extern __shared__ float field[];
    int field_size = p.taps() * p.c_in;
    for (int turn = 0; turn < 2; turn++) {
        long long pixel = 2LL * blockIdx.x + turn;
        if (pixel >= p.output_pixels()) break;
        Pixel output = pixel_of(pixel, p.out_height, p.out_width);
        for (int e = threadIdx.x; e < field_size; e += blockDim.x) {
            Tap tap = tap_of(e, p.kernel_width, p.c_in);
            long long from = input_pixel(p, output, tap);
            field[e] = from < 0 ? 0.0f : x[from * p.c_in + tap.channel];
        }
        __syncthreads();
        for (int l = threadIdx.x; l < p.c_out; l += blockDim.x) {
            int first = l / p.c_out_per_group() * p.c_in_per_group();
            float sum = 0.0f;
            for (int e = 0; e < p.taps() * p.c_in_per_group(); e++) {
                int tap = e / p.c_in_per_group(), channel = e % p.c_in_per_group();
                sum += field[tap * p.c_in + first + channel] * w[e * p.c_out + l];
            }
            y[pixel * p.c_out + l] = sum;
        }
        __syncthreads();
    }
}

// dW: a thread an element, with every gridDim.y-th pixel; the parts are added up in order afterwards.
extern "C" __global__ void grad_weight(const float* gy, const float* x, float* parts, Problem p) {
    int size = p.taps() * p.c_in_per_group() * p.c_out;
    int element = blockIdx.x * blockDim.x + threadIdx.x;
    if (element >= size) return;
    int l = element % p.c_out;
    Tap tap = tap_of(element / p.c_out, p.kernel_width, p.c_in_per_group());
    int channel = l / p.c_out_per_group() * p.c_in_per_group() + tap.channel;
    float sum = 0.0f;
    for (long long pixel = blockIdx.y; pixel < p.output_pixels(); pixel += gridDim.y) {
        long long from = input_pixel(p, pixel_of(pixel, p.out_height, p.out_width), tap);
        if (from >= 0) sum += x[from * p.c_in + channel] * gy[pixel * p.c_out + l];
    }
    parts[blockIdx.y * size + element] = sum;
}
