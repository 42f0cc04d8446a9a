"""The index sums vectorised: the fast oracle, in float64 for floats and int64 for integers.

The forward pass and dW contract a view of all windows, ``[b, out_h, out_w, c_in/g, a_h, a_w]``, which
NumPy materialises (that is im2col). So they walk over blocks of output rows that keep the copy below
`CHUNK_BYTES`, and a layer of real size runs in the memory of its operands. dX adds, tap by tap, the
product G W[m, n]^T to the rows and columns that the tap read. The formulas are those of
`refconv.index_sum`; int64 sums wrap where they exceed 2^63, everything else is as there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from refconv.operands import Array, accumulator, checked, rounded
from refconv.problem import Problem

CHUNK_BYTES = 32 * 2**20


def forward(x: Array, w: Array, problem: Problem) -> Array:
    """Y, shape ``problem.y_shape``, in X's dtype. Arguments and errors as in `refconv.index_sum.forward`."""
    x_, w_ = checked("x", x, problem.x_shape), checked("w", w, problem.w_shape)
    kind = accumulator(x_, w_)
    y = np.zeros(problem.y_shape, kind)
    weights = w_.astype(kind)
    for inputs, outputs in _groups(problem):
        for images, rows, windows in _chunks(x_[..., inputs].astype(kind), problem):
            # windows [b, j, k, p, m, n] times W [m, n, p, l]
            y[images, rows, :, outputs] = np.tensordot(windows, weights[..., outputs], axes=((4, 5, 3), (0, 1, 2)))
    return rounded(y, x_.dtype)


def grad_weight(gy: Array, x: Array, problem: Problem) -> Array:
    """dW, shape ``problem.w_shape``, in G's dtype. Arguments and errors as in `refconv.index_sum.grad_weight`."""
    g_, x_ = checked("gy", gy, problem.y_shape), checked("x", x, problem.x_shape)
    kind = accumulator(g_, x_)
    gw = np.zeros(problem.w_shape, kind)
    for inputs, outputs in _groups(problem):
        gradient = g_[..., outputs].astype(kind)
        for images, rows, windows in _chunks(x_[..., inputs].astype(kind), problem):
            # windows [b, j, k, p, m, n] times G [b, j, k, l] gives [p, m, n, l]
            part = np.tensordot(windows, gradient[images, rows], axes=((0, 1, 2), (0, 1, 2)))
            gw[..., outputs] += part.transpose(1, 2, 0, 3)
    return rounded(gw, g_.dtype)


def grad_input(gy: Array, w: Array, problem: Problem) -> Array:
    """dX, shape ``problem.x_shape``, in G's dtype. Arguments and errors as in `refconv.index_sum.grad_input`."""
    g_, w_ = checked("gy", gy, problem.y_shape), checked("w", w, problem.w_shape)
    kind = accumulator(g_, w_)
    top, _, left, _ = problem.padding
    padded = np.zeros((problem.batch, *problem.padded, problem.c_in), kind)
    gradient, weights = g_.astype(kind), w_.astype(kind)
    for inputs, outputs in _groups(problem):
        for m in range(problem.kernel.height):
            for n in range(problem.kernel.width):
                rows = _read_by_tap(m, problem.out_height, problem.stride.height, problem.dilation.height)
                columns = _read_by_tap(n, problem.out_width, problem.stride.width, problem.dilation.width)
                # Not `@`, which would make one small product of each row of pixels.
                product = np.tensordot(gradient[..., outputs], weights[m, n, :, outputs], axes=((3,), (1,)))
                padded[:, rows, columns, inputs] += product
    gx = padded[:, top : top + problem.height, left : left + problem.width]
    return rounded(gx, g_.dtype)


def pad(x: Array, problem: Problem) -> Array:
    """X with the problem's rows and columns of zeros around each image."""
    top, _, left, _ = problem.padding
    batch, height, width, channels = x.shape
    padded = np.zeros((batch, *problem.padded, channels), x.dtype)  # `np.pad` takes ten times as long for small images
    padded[:, top : top + height, left : left + width] = x
    return padded


def _groups(problem: Problem) -> Iterator[tuple[slice, slice]]:
    """The input and the output channels of each group."""
    p, l = problem.c_in_per_group, problem.c_out_per_group
    for group in range(problem.groups):
        yield slice(group * p, (group + 1) * p), slice(group * l, (group + 1) * l)


def _read_by_tap(tap: int, out: int, stride: int, dilation: int) -> slice:
    """The padded rows that one tap reads, one for each output row."""
    first = tap * dilation
    return slice(first, first + (out - 1) * stride + 1, stride)


def _chunks(x: Array, problem: Problem) -> Iterator[tuple[slice, slice, Array]]:
    """Images, output rows, and their windows ``[b, j, k, p, m, n]`` as a view, block by block."""
    (s_h, s_w), (d_h, d_w), (e_h, e_w) = problem.stride, problem.dilation, problem.kernel_extent
    padded = pad(x, problem)
    row_bytes = problem.out_width * problem.terms("forward") * x.itemsize
    image_bytes = problem.out_height * row_bytes
    images_at_once = max(1, CHUNK_BYTES // image_bytes)
    rows_at_once = problem.out_height if image_bytes <= CHUNK_BYTES else max(1, CHUNK_BYTES // row_bytes)
    windows = sliding_window_view(padded, (e_h, e_w), axis=(1, 2))[:, ::s_h, ::s_w, :, ::d_h, ::d_w]
    for image in range(0, problem.batch, images_at_once):
        images = slice(image, image + images_at_once)
        for row in range(0, problem.out_height, rows_at_once):
            rows = slice(row, row + rows_at_once)
            yield images, rows, windows[images, rows]
