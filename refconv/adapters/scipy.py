"""SciPy: ``scipy.signal.correlate2d`` and ``convolve2d``, image by image, channel by channel.

Documentation: https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.correlate2d.html. Both know neither
stride nor dilation nor padding other than none or all, and so do not lose any problem either: zeros are padded first,
a stride is a slice of the result, and a dilated kernel is the dense one on every d-th row, so that no zero is put
between its taps. (It would turn a NaN between them into one of the result.)
"""

from __future__ import annotations

import numpy as np

from refconv.adapters.framework import Adapter, Framework
from refconv.operands import Array
from refconv.problem import Pair, Problem
from refconv.transposed import dilate
from refconv.windows import pad


class Scipy(Adapter):
    """``correlate2d`` with ``mode="valid"``, for dX ``convolve2d`` with ``mode="full"``."""

    framework = Framework("SciPy", ("scipy.signal",), "scipy", "scipy")

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        padded, y = pad(x, problem), np.zeros(problem.y_shape, x.dtype)
        for i, p, q, l in _planes(problem):
            y[i, :, :, l] += self._correlate(padded[i, :, :, q], w[:, :, p, l], problem.stride, problem.dilation)
        return y

    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW, shape ``problem.w_shape``: X correlated with G, stride and dilation exchanged."""
        padded, gw = pad(x, problem), np.zeros(problem.w_shape, gy.dtype)
        a_h, a_w = problem.kernel
        for i, p, q, l in _planes(problem):
            product = self._correlate(padded[i, :, :, q], gy[i, :, :, l], problem.dilation, problem.stride)
            gw[:, :, p, l] += product[:a_h, :a_w]
        return gw

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``: dilate(G) convolved with W, on every d-th row and column."""
        padded = np.zeros((problem.batch, *problem.padded, problem.c_in), gy.dtype)
        (d_h, d_w), (top, _, left, _), spread = problem.dilation, problem.padding, dilate(gy, problem)
        for i, p, q, l in _planes(problem):
            for row, column in np.ndindex(min(d_h, spread.shape[1]), min(d_w, spread.shape[2])):
                # In this order: SciPy multiplies all of its second operand, for each sum, by the first's padding with
                # zeros, as its documentation says. A NaN in W may be seen there, but none in G.
                product = self.library.convolve2d(spread[i, row::d_h, column::d_w, l], w[:, :, p, l], mode="full")
                height, width = product.shape
                rows = slice(row, row + (height - 1) * d_h + 1, d_h)
                padded[i, rows, column : column + (width - 1) * d_w + 1 : d_w, q] += product
        return padded[:, top : top + problem.height, left : left + problem.width].copy()

    def _correlate(self, x: Array, kernel: Array, stride: Pair, dilation: Pair) -> Array:
        """One plane by one kernel, nothing padded."""
        (d_h, d_w), (a_h, a_w), (height, width) = dilation, kernel.shape, x.shape
        dense = np.zeros((height - d_h * (a_h - 1), width - d_w * (a_w - 1)), x.dtype)
        for row, column in np.ndindex(min(d_h, dense.shape[0]), min(d_w, dense.shape[1])):
            dense[row::d_h, column::d_w] = self.library.correlate2d(x[row::d_h, column::d_w], kernel, mode="valid")
        return dense[:: stride.height, :: stride.width]


def _planes(problem: Problem) -> list[tuple[int, int, int, int]]:
    """Image, input channel in its group, input channel and output channel of every pair of planes that meet."""
    return [
        (i, p, l // problem.c_out_per_group * problem.c_in_per_group + p, l)
        for i in range(problem.batch)
        for l in range(problem.c_out)
        for p in range(problem.c_in_per_group)
    ]
