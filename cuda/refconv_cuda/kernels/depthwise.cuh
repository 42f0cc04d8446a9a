// How the depthwise kernels share out an image: each channel is a convolution of its own, and a thread has a strip.
//
// A strip is a few neighbouring pixels of one row, or of a few rows, in kVector channels. A block takes kSlab channels,
// which are 128 bytes of float and so whole sectors for any pixel, of strips that lie side by side and below one
// another: what two of their windows share is then read from L2 once, and from L1 again.
#pragma once

#include "channels.cuh"
#include "problem.cuh"

constexpr int kSlab = 32;
constexpr int kThreads = 256;
// Of the kernels for one size of kernel, which are in need of registers; 7, 14, 28, 56 and 112 are whole strips.
constexpr int kStripThreads = 128;
constexpr int kStripColumns = 7;

// Which strip a thread computes: its image, its row and column among the image's strips, its first channel.
struct StripTask {
    int image, row, column, channel;
    bool exists;
};

// rows, columns: how many strips an image has down and across; across: how many of a block's lie side by side. Strips
// below one another go on with the next image, so that a small image leaves no thread idle.
template <int kVector>
__device__ inline StripTask strip_task(int batch, int channels, int rows, int columns, int across) {
    constexpr int kLanes = kSlab / kVector;
    int slabs = (channels - 1) / kSlab + 1, tiles = (columns - 1) / across + 1, down = blockDim.x / kLanes / across;
    int strip = threadIdx.x / kLanes;
    int number = blockIdx.x;
    StripTask task;
    task.channel = number % slabs * kSlab + threadIdx.x % kLanes * kVector;
    number /= slabs;
    task.column = number % tiles * across + strip % across;
    number /= tiles;
    long long row = static_cast<long long>(number) * down + strip / across;
    task.image = static_cast<int>(row / rows);
    task.row = static_cast<int>(row % rows);
    task.exists = row < static_cast<long long>(batch) * rows && task.column < columns && task.channel < channels;
    return task;
}
