"""The twin of direct_forward.cu for Numba's CUDA simulator, which runs each thread as a Python thread."""

from __future__ import annotations

import os

os.environ["NUMBA_ENABLE_CUDASIM"] = "1"  # read when Numba is imported
os.environ["NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS"] = "0"  # a simulator has no occupancy

from numba import cuda


@cuda.jit
def direct_forward(
    x, w, y, batch, height, width, c_in, c_out, kernel_height, kernel_width, stride_height, stride_width,
    pad_top, pad_left, dilation_height, dilation_width, groups, out_height, out_width,
):  # fmt: skip
    """One thread an output element, on flat arrays."""
    e = cuda.grid(1)
    if e >= batch * out_height * out_width * c_out:
        return
    l, k, j = e % c_out, e // c_out % out_width, e // c_out // out_width % out_height
    i = e // c_out // out_width // out_height
    channels = c_in // groups
    first = l // (c_out // groups) * channels
    total = 0.0
    for m in range(kernel_height):
        for n in range(kernel_width):
            u = j * stride_height + m * dilation_height - pad_top
            v = k * stride_width + n * dilation_width - pad_left
            if u < 0 or u >= height or v < 0 or v >= width:
                continue
            for p in range(channels):
                pixel = ((i * height + u) * width + v) * c_in + first + p
                total += x[pixel] * w[((m * kernel_width + n) * channels + p) * c_out + l]
    y[e] = total
