// The geometry of a convolution as the kernels get it: one struct by value.
//
// refconv_cuda/geometry.py has the same fields in the same order; a self-test holds the two together. Every field
// fits an int, and so do out_height * out_width, height * width, and the number of taps times the channels; what can
// be larger (elements of a tensor, pixels of a batch) is a long long here.
#pragma once

struct Problem {
    int batch, height, width, c_in, c_out;
    int kernel_height, kernel_width;
    int stride_height, stride_width;
    int pad_top, pad_left;
    int dilation_height, dilation_width;
    int groups;
    int out_height, out_width;

    __device__ int c_in_per_group() const { return c_in / groups; }
    __device__ int c_out_per_group() const { return c_out / groups; }
    __device__ int taps() const { return kernel_height * kernel_width; }
    __device__ long long output_pixels() const { return static_cast<long long>(batch) * out_height * out_width; }
    __device__ long long input_pixels() const { return static_cast<long long>(batch) * height * width; }
};

// A pixel of a batch of images, from its number: image, row and column.
struct Pixel {
    int image, row, column;
};
__device__ inline Pixel pixel_of(long long number, int height, int width) {
    long long image = number / (height * width);
    int rest = static_cast<int>(number - image * (height * width));
    return {static_cast<int>(image), rest / width, rest % width};
}

// A tap and a channel, from their number in the order (m, n, channel).
struct Tap {
    int m, n, channel;
};
__device__ inline Tap tap_of(int number, int kernel_width, int channels) {
    int tap = number / channels;
    return {tap / kernel_width, tap % kernel_width, number % channels};
}

// The number of the input pixel that tap (m, n) of an output pixel reads; -1 where that is padding.
//     y(j, m) = j s_h + m d_h - top        x(k, n) = k s_w + n d_w - left
__device__ inline long long input_pixel(const Problem& p, const Pixel& output, const Tap& tap) {
    int row = output.row * p.stride_height + tap.m * p.dilation_height - p.pad_top;
    int column = output.column * p.stride_width + tap.n * p.dilation_width - p.pad_left;
    bool inside = 0 <= row && row < p.height && 0 <= column && column < p.width;
    return inside ? (static_cast<long long>(output.image) * p.height + row) * p.width + column : -1;
}

// The number of the output pixel that reads an input pixel through tap (m, n); -1 where there is none.
//     j = (u + top - m d_h) / s_h          k = (v + left - n d_w) / s_w          where both are whole and inside Y
__device__ inline long long output_pixel(const Problem& p, const Pixel& input, const Tap& tap) {
    int row = input.row + p.pad_top - tap.m * p.dilation_height;
    int column = input.column + p.pad_left - tap.n * p.dilation_width;
    if (row < 0 || column < 0 || row % p.stride_height != 0 || column % p.stride_width != 0) return -1;
    row /= p.stride_height;
    column /= p.stride_width;
    bool inside = row < p.out_height && column < p.out_width;
    return inside ? (static_cast<long long>(input.image) * p.out_height + row) * p.out_width + column : -1;
}
