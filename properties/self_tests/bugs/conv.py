"""Right convolutions in small steps, each a method of its own for a bug to get wrong.

`Conv` goes by im2col and numbers of pixels, as libraries do; `Transposed` makes the gradients from a forward pass, as
frameworks do; `Gathered` asks of each input pixel who reads it, as kernels without atomics do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class Axis(NamedTuple):
    """One axis of a problem."""

    size: int
    kernel: int
    stride: int
    before: int
    after: int
    dilation: int
    out: int

    @property
    def extent(self):
        """From the first to the last tap."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def remainder(self):
        """What no window reaches, padding included."""
        return (self.size + self.before + self.after - self.extent) % self.stride


def axes(p):
    """The two axes of a problem, height and width."""
    top, bottom, left, right = p.padding
    return (
        Axis(p.height, p.kernel.height, p.stride.height, top, bottom, p.dilation.height, p.out_height),
        Axis(p.width, p.kernel.width, p.stride.width, left, right, p.dilation.width, p.out_width),
    )


def same(axis, extent=None):
    """The padding before and behind that SAME_UPPER stands for: as many outputs as strides begin in the input."""
    total = max(0, (-(-axis.size // axis.stride) - 1) * axis.stride + (extent or axis.extent) - axis.size)
    return total // 2, total - total // 2


def is_same(axis):
    """Whether an axis is padded as SAME_UPPER would."""
    return (axis.before, axis.after) == same(axis)


class Conv:
    """All three operators: im2col and a matrix product a group, in the operands' dtype throughout."""

    device = "host"

    def forward(self, x, w, p):
        return self.images(self.gemm(self.im2col(x, p), self.matrix(w, p)), p)

    def grad_weight(self, gy, x, p):
        return self.kernel(self.gemm(self.im2col(x, p).swapaxes(1, 2), self.outputs(gy, p)), p)

    def grad_input(self, gy, w, p):
        return self.col2im(self.gemm(self.outputs(gy, p), self.matrix(w, p).swapaxes(1, 2)), p)

    # -- which pixel a tap reads ------------------------------------------------------------------

    def axes(self, p):
        return axes(p)

    def at(self, axis, out, tap):
        """The row or column that a tap of an output reads."""
        return out * axis.stride + tap * axis.dilation - axis.before

    def inside(self, p, row, column):
        return (row >= 0) & (row < p.height) & (column >= 0) & (column < p.width)

    def number(self, p, image, row, column):
        return (image * p.height + row) * p.width + column

    def pixels(self, p):
        """The number of the pixel that each tap reads, [b, out_h, out_w, a_h, a_w]; -1 where that is padding."""
        h, w = self.axes(p)
        i, j, k, m, n = ranges(p.batch, p.out_height, p.out_width, p.kernel.height, p.kernel.width)
        row, column = self.at(h, j, m), self.at(w, k, n)
        return np.where(self.inside(p, row, column), self.number(p, i, row, column), -1)

    # -- the matrices of each group ---------------------------------------------------------------

    def im2col(self, x, p):
        """[g, b out_h out_w, a_h a_w c_in/g]."""
        columns = read(x, self.pixels(p)).reshape(rows_of(p), taps_of(p), p.groups, p.c_in_per_group)
        return columns.transpose(2, 0, 1, 3).reshape(p.groups, rows_of(p), taps_of(p) * p.c_in_per_group)

    def col2im(self, columns, p):
        """Adds what im2col's rows hold to the pixels that they were read from."""
        gx = np.zeros((p.batch * p.height * p.width + 1, p.c_in), columns.dtype)
        columns = columns.reshape(p.groups, rows_of(p), taps_of(p), p.c_in_per_group).transpose(1, 2, 0, 3)
        pixels = known(self.pixels(p), len(gx) - 1).reshape(rows_of(p), taps_of(p))
        for tap in range(taps_of(p)):  # no two outputs read one pixel through the same tap
            gx[pixels[:, tap]] += columns[:, tap].reshape(-1, p.c_in)
        return gx[:-1].reshape(p.x_shape).copy()

    def matrix(self, w, p):
        """W as [g, a_h a_w c_in/g, c_out/g]."""
        return np.moveaxis(w.reshape(-1, p.groups, p.c_out_per_group), 1, 0)

    def outputs(self, gy, p):
        """G as [g, b out_h out_w, c_out/g]."""
        return np.moveaxis(gy.reshape(-1, p.groups, p.c_out_per_group), 1, 0)

    def images(self, matrix, p):
        """Y from [g, b out_h out_w, c_out/g]."""
        return np.moveaxis(matrix, 0, 1).reshape(p.y_shape)

    def kernel(self, matrix, p):
        """W from [g, a_h a_w c_in/g, c_out/g]."""
        return np.moveaxis(matrix, 0, 1).reshape(p.w_shape)

    def gemm(self, a, b):
        return a @ b


class Transposed(Conv):
    """dX = conv(pad(spread G), flipped W) and dW = conv(padded X, spread G), cropped."""

    def before(self, axis):
        """Zeros before the spread G; negative crops."""
        return axis.extent - 1 - axis.before

    def after(self, axis):
        return axis.extent - 1 - axis.after + axis.remainder

    def spread(self, gy, p):
        """G with s - 1 zeros between its elements."""
        h, w = self.axes(p)
        wide = np.zeros((p.batch, (h.out - 1) * h.stride + 1, (w.out - 1) * w.stride + 1, p.c_out), gy.dtype)
        wide[:, :: h.stride, :: w.stride] = gy
        return wide

    def flipped(self, w, p):
        return w[::-1, ::-1]

    def grad_input(self, gy, w, p):
        wide, (h, v) = self.spread(gy, p), self.axes(p)
        wide = padded(wide, self.before(h), self.after(h), self.before(v), self.after(v))
        taps = self.flipped(w, p).swapaxes(2, 3)
        groups = np.split(np.arange(p.c_out), p.groups)
        parts = [correlate(wide[..., l], taps[:, :, l], (1, 1), (h.dilation, v.dilation)) for l in groups]
        return np.concatenate(parts, axis=-1)

    def grad_weight(self, gy, x, p):
        wide, (h, v) = self.spread(gy, p), self.axes(p)
        whole = padded(x, *p.padding).transpose(3, 1, 2, 0)
        taps = wide.transpose(1, 2, 0, 3)
        c, o = p.c_in_per_group, p.c_out_per_group
        parts = [
            correlate(whole[g * c : g * c + c], taps[..., g * o : g * o + o], (h.dilation, v.dilation), (1, 1))
            for g in range(p.groups)
        ]
        return self.cropped(np.concatenate(parts, axis=-1).transpose(1, 2, 0, 3), p)

    def cropped(self, gw, p):
        """Without what a remainder adds."""
        return gw[: p.kernel.height, : p.kernel.width]


class Gathered(Conv):
    """dX as a sum over the taps that read each pixel."""

    def reader(self, axis, pixel, tap):
        """The output that reads a row or column through a tap, and whether there is one."""
        out, rest = np.divmod(pixel + axis.before - tap * axis.dilation, axis.stride)
        return out, (rest == 0) & (out >= 0) & (out < axis.out)

    def readers(self, p):
        """The number of the output pixel, [b, h, w, a_h, a_w]; -1 where there is none."""
        h, w = self.axes(p)
        i, u, v, m, n = ranges(p.batch, p.height, p.width, p.kernel.height, p.kernel.width)
        (j, row), (k, column) = self.reader(h, u, m), self.reader(w, v, n)
        return np.where(row & column, (i * p.out_height + j) * p.out_width + k, -1)

    def grad_input(self, gy, w, p):
        found = read(gy, self.readers(p)).reshape(-1, taps_of(p), p.groups, p.c_out_per_group)
        found = found.transpose(2, 0, 1, 3).reshape(p.groups, -1, taps_of(p) * p.c_out_per_group)
        taps = w.reshape(taps_of(p), p.c_in_per_group, p.groups, -1).transpose(2, 0, 3, 1)
        return np.moveaxis(self.gemm(found, taps.reshape(p.groups, -1, p.c_in_per_group)), 0, 1).reshape(p.x_shape)


def rows_of(p):
    """Output pixels: rows of the matrix that im2col makes."""
    return p.batch * p.out_height * p.out_width


def taps_of(p):
    """Taps of the kernel."""
    return p.kernel.height * p.kernel.width


def ranges(*sizes):
    """0, 1, ... along an axis of its own for each size: indices that broadcast."""
    last = len(sizes) - 1
    return [np.arange(size).reshape(-1, *(1,) * (last - axis)) for axis, size in enumerate(sizes)]


def known(pixels, count):
    """The numbers of pixels, those of none replaced by ``count``."""
    return np.where((pixels >= 0) & (pixels < count), pixels, count)


def read(x, pixels):
    """The channels of numbered pixels; zeros for a number that X does not have."""
    count = x.shape[0] * x.shape[1] * x.shape[2]
    flat = np.zeros((count + 1, x.shape[3]), x.dtype)
    flat[:-1] = x.reshape(count, x.shape[3])
    return flat[known(pixels, count)]


def padded(x, top, bottom, left, right):
    """X with zeros around it; a negative number crops."""
    b, h, w, c = x.shape
    result = np.zeros((b, max(0, h + top + bottom), max(0, w + left + right), c), x.dtype)
    inner = x[:, max(0, -top) : max(0, h + min(0, bottom)), max(0, -left) : max(0, w + min(0, right))]
    top, left = max(0, top), max(0, left)
    result[:, top : top + inner.shape[1], left : left + inner.shape[2]] = inner
    return result


def correlate(x, w, stride, dilation):
    """The convolution without padding and groups, [b, ., ., c] with [a_h, a_w, c, l]."""
    (s_h, s_w), (d_h, d_w) = stride, dilation
    a_h, a_w, c, l = w.shape
    extents = (d_h * (a_h - 1) + 1, d_w * (a_w - 1) + 1)
    windows = sliding_window_view(x, extents, axis=(1, 2))[:, ::s_h, ::s_w, :, ::d_h, ::d_w]
    b, out_h, out_w = windows.shape[:3]
    matrix = windows.transpose(0, 1, 2, 4, 5, 3).reshape(b * out_h * out_w, a_h * a_w * c)
    return (matrix @ w.reshape(-1, l)).reshape(b, out_h, out_w, l)
