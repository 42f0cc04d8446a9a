// Which element of the image a term of an implicit GEMM reads: every operator as one gathered matrix product.
//
//     C[row, column] = sum over taps (m, n) and channels q of A[row, (m, n, q)] B[(m, n, q), column]
//     A[row, (m, n, q)] = image[y0(row) + dy(m), x0(row) + dx(n), q]        zero outside the image
//
// An offset table would hold dy and dx for each tap. It need not be stored: along each axis they are an arithmetic
// progression, for all three operators, strided gradients included, so that an addition leads from a tap to the next
// one and the inner loop has neither a division nor a look-up.
//
//     forward, grad_weight   y0 = j s_h, dy(m) = m d_h - top                        all taps
//     grad_input             input row u = r + s_h y0 of the residue class r; tap m reaches it from output row
//                            y0 + (r + top - m d_h) / s_h where that is whole: for the taps m = m_0, m_0 + s_h/g,
//                            m_0 + 2 s_h/g, ... with g = gcd(s_h, d_h), and dy falls by d_h/g from one to the next
//
// so the gradient of a strided convolution is s_h s_w dense products, one for each class of pixels, and none of them
// multiplies by a zero that stride puts there.
#pragma once

#include "precision.cuh"
#include "problem.cuh"

// The taps along one axis that a class of pixels meets: the t-th, t < count, is tap first + t step of the kernel, and
// reads the image shift + t delta rows (or columns) from the pixel's base.
struct AxisTaps {
    int count, first, step, shift, delta;
};

// Forward and grad_weight: each tap of the kernel.
__device__ inline AxisTaps taps_reading(int taps, int dilation, int pad) { return {taps, 0, 1, -pad, dilation}; }

// grad_input: the taps through which an output row reads input row `residue` + stride * base.
__device__ inline AxisTaps taps_reaching(int residue, int taps, int stride, int dilation, int pad) {
    int common = stride, rest = dilation;
    while (rest != 0) {
        int next = common % rest;
        common = rest;
        rest = next;
    }
    int step = stride / common, first = 0, end = step < taps ? step : taps;
    while (first < end && (residue + pad - first * dilation) % stride != 0) ++first;
    if (first == end) return {0, 0, step, 0, 0};
    int shift = (residue + pad - first * dilation) / stride;
    return {(taps - first - 1) / step + 1, first, step, shift, -(dilation / common)};
}

// The taps of a class along both axes, counted row by row: (m, n) from (0, 0), n first. Threads may keep theirs in
// shared memory, for they look at it only when they come to the next tap.
struct Taps {
    AxisTaps rows, columns;
    __device__ int count() const { return rows.count * columns.count; }
};

// Where an image of a batch begins, in elements.
__device__ inline long long image_offset(int image, int height, int width, int channels) {
    return static_cast<long long>(image) * (height * width) * channels;
}

// The input pixels of one residue, by their row modulo the stride and their column alike, and the taps that they meet.
struct PixelClass {
    int residue_row, residue_column;
    int height, width;  // how many rows and columns of an image it has
    Taps taps;
    __device__ long long pixels(const Problem& p) const { return static_cast<long long>(p.batch) * height * width; }
};

// All classes that have a pixel: s_h s_w, or fewer where the image is smaller than the stride.
struct PixelClasses {
    const Problem& p;

    __device__ explicit PixelClasses(const Problem& p) : p(p) {}
    __device__ int rows() const { return p.stride_height < p.height ? p.stride_height : p.height; }
    __device__ int columns() const { return p.stride_width < p.width ? p.stride_width : p.width; }
    __device__ int count() const { return rows() * columns(); }
    // Of a residue; residue 0 has the most.
    __device__ int height(int residue) const { return (p.height - 1 - residue) / p.stride_height + 1; }
    __device__ int width(int residue) const { return (p.width - 1 - residue) / p.stride_width + 1; }
    __device__ PixelClass at(int number) const {
        int row = number / columns(), column = number % columns();
        return {row,
                column,
                height(row),
                width(column),
                {taps_reaching(row, p.kernel_height, p.stride_height, p.dilation_height, p.pad_top),
                 taps_reaching(column, p.kernel_width, p.stride_width, p.dilation_width, p.pad_left)}};
    }
};

// The rows of C of a tile, where they are pixels of a class: at(row) is where a row is written, null past the last one.
template <typename Real>
struct ClassRows {
    Real* gx;  // at the tile's first column
    const Problem& p;
    const PixelClass& class_;
    long long first;
    __device__ Real* at(int row) const {
        if (first + row >= class_.pixels(p)) return nullptr;
        if (p.stride_height == 1 && p.stride_width == 1) return gx + (first + row) * p.c_in;  // all pixels are one class
        Pixel pixel = pixel_of(first + row, class_.height, class_.width);
        int u = class_.residue_row + p.stride_height * pixel.row;
        int v = class_.residue_column + p.stride_width * pixel.column;
        long long number = static_cast<long long>(pixel.image) * (p.height * p.width) + u * p.width + v;
        return gx + number * p.c_in;
    }
};

// The sources of a slice: at(m, n) is where the channels of the class's tap (m, n) begin, in elements from the operand's
// first one; kNowhere where they are zero, and past the last tap. What a source refers to may lie in shared memory.

// Negative, and a multiple of every vector: nobody reads there, but a copy wants an aligned address even of zeros.
constexpr long long kNowhere = -16;

// Where a row of A begins: the image of its pixel, at the group's first channel, kNowhere for a row that does not
// exist; and the row and column from which the taps' shifts count.
struct PixelBase {
    long long image;
    int row, column;
};
// Of forward's rows: output pixels, in X. channel: the group's first one.
__device__ inline PixelBase base_of_output(const Problem& p, long long row, int channel) {
    bool exists = row < p.output_pixels();
    Pixel output = pixel_of(exists ? row : 0, p.out_height, p.out_width);
    long long image = image_offset(output.image, p.height, p.width, p.c_in) + channel;
    return {exists ? image : kNowhere, output.row * p.stride_height, output.column * p.stride_width};
}
// Of grad_input's rows: pixels of a class, in G.
__device__ inline PixelBase base_in_class(const Problem& p, const PixelClass& class_, long long row, int channel) {
    bool exists = row < class_.pixels(p);
    Pixel pixel = pixel_of(exists ? row : 0, class_.height, class_.width);
    long long image = image_offset(pixel.image, p.out_height, p.out_width, p.c_out) + channel;
    return {exists ? image : kNowhere, pixel.row, pixel.column};
}
// Where grad_input's column of B, of so many, begins in W; kNowhere for one that does not exist.
__device__ inline long long base_of_column(const Problem& p, int column, int columns, int channel) {
    return column < columns ? static_cast<long long>(column) * p.c_out + channel : kNowhere;
}

// One row of A: the channels of the pixels that the taps lead to.
struct GatheredPixel {
    const PixelBase& base;
    int height, width, channels;  // of the image; channels of all groups: the distance of two pixels
    const Taps& taps;

    __device__ int tap_columns() const { return taps.columns.count; }
    __device__ long long at(int m, int n) const {
        if (base.image < 0 || m >= taps.rows.count) return kNowhere;
        int y = base.row + taps.rows.shift + m * taps.rows.delta;
        int x = base.column + taps.columns.shift + n * taps.columns.delta;
        bool inside = 0 <= y && y < height && 0 <= x && x < width;
        return inside ? base.image + static_cast<long long>(y * width + x) * channels : kNowhere;
    }
};

// One column of grad_input's B: the output channels of W[m, n, column, :], for the taps of a class.
struct WeightsOfTaps {
    const long long& base;      // of W[0, 0, column, the group's first channel], kNowhere for no such column
    const int& columns;         // of B
    int kernel_width, channels;  // channels of all groups
    const Taps& taps;

    __device__ int tap_columns() const { return taps.columns.count; }
    __device__ long long at(int m, int n) const {
        if (base < 0 || m >= taps.rows.count) return kNowhere;
        int tap = (taps.rows.first + m * taps.rows.step) * kernel_width + taps.columns.first + n * taps.columns.step;
        return base + static_cast<long long>(tap) * columns * channels;
    }
};

// A line of a matrix as it is: what a 1x1 kernel reads.
struct PlainLine {
    long long base;  // kNowhere for a line that does not exist

    __device__ int tap_columns() const { return 1; }
    __device__ long long at(int m, int) const { return m == 0 ? base : kNowhere; }
};

// Pixels of the output, `step` apart, without a division on the way. step: in images, rows and columns, as pixel_of has
// it; the same for all threads, so it may lie in shared memory.
struct PixelWalk {
    Pixel pixel;
    const Pixel& step;

    __device__ void advance(int height, int width) {
        pixel.column += step.column;
        pixel.row += step.row;
        pixel.image += step.image;
        if (pixel.column >= width) {
            pixel.column -= width;
            ++pixel.row;
        }
        if (pixel.row >= height) {
            pixel.row -= height;
            ++pixel.image;
        }
    }
};
