"""The convolution by its index maps, so that a map can be changed and the result of the changed formula computed.

All three operators are sums over the same set of terms, (i, j, k, l; m, n, p): the pixel of X that tap (m, n) of the
output pixel (i, j, k) reads, and the channel P(l, p). A `Form` holds these two maps; a mistake in an implementation
is, most often, a mistake in one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from refconv.operands import Array, accumulator
from refconv.problem import Operator, Problem


@dataclass(frozen=True)
class Axis:
    """One axis: which input row (or column) each tap of each output row reads."""

    out: int
    taps: int
    size: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def remainder(self) -> int:
        """Padded rows behind the last window."""
        return (self.size + self.before + self.after - self.dilation * (self.taps - 1) - 1) % self.stride

    def reads(self) -> Array:
        """y(j, m) = j s + m d - before, ``[out, taps]``; some are outside the image."""
        j, m = np.arange(self.out)[:, None], np.arange(self.taps)
        reads: Array = j * self.stride + m * self.dilation - self.before
        return reads


def axes(problem: Problem) -> tuple[Axis, Axis]:
    """Height and width of a problem."""
    top, bottom, left, right = problem.padding
    (s_h, s_w), (d_h, d_w), (a_h, a_w) = problem.stride, problem.dilation, problem.kernel
    return (
        Axis(problem.out_height, a_h, problem.height, s_h, d_h, top, bottom),
        Axis(problem.out_width, a_w, problem.width, s_w, d_w, left, right),
    )


@dataclass(frozen=True)
class Form:
    """The terms of a convolution, or of something like it.

    pixels: ``[b, out_h, out_w, a_h, a_w]``, the flat index (i h + u) w + v that is read, or -1 where there is no term.
    channels: ``[c_out, c_in/g]``, the input channel P(l, p), or -1.
    """

    pixels: Array
    channels: Array

    @classmethod
    def of(cls, problem: Problem, height: Axis | None = None, width: Axis | None = None) -> Form:
        """The form of a problem, with other axes if they are given."""
        rows, columns = axes(problem)
        return cls.reading(problem, (height or rows).reads(), (width or columns).reads())

    @classmethod
    def reading(cls, problem: Problem, rows: Array, columns: Array) -> Form:
        """Reads rows ``[out_h, a_h]`` and columns ``[out_w, a_w]``, and nothing where they are outside the image."""
        u, v = rows[:, None, :, None], columns[None, :, None, :]
        inside = (u >= 0) & (u < problem.height) & (v >= 0) & (v < problem.width)
        images = np.arange(problem.batch).reshape(-1, 1, 1, 1, 1)
        pixels = (images * problem.height + u) * problem.width + v
        l, p = np.arange(problem.c_out)[:, None], np.arange(problem.c_in_per_group)
        return cls(np.where(inside, pixels, -1), l // problem.c_out_per_group * problem.c_in_per_group + p)

    def without(self, gone: Array) -> Form:
        """The form less the terms of these pixels."""
        return replace(self, pixels=np.where(gone, -1, self.pixels))

    def apply(self, operator: Operator, first: Array, second: Array, problem: Problem) -> Array:
        """The operator of this form, in the operands' dtype, rounded once; integers wrap where they do not fit."""
        kind = accumulator(first, second)
        a, b = first.astype(kind), second.astype(kind)
        if operator == "grad_input":
            total = self._scattered(np.tensordot(a, self.dense(b, problem), axes=((3,), (3,))), problem)
        elif operator == "forward":
            total = np.tensordot(self._gathered(a), self.dense(b, problem), axes=((3, 4, 5), (0, 1, 2)))
        else:
            dense = np.tensordot(self._gathered(b), a, axes=((0, 1, 2), (0, 1, 2)))
            total = np.zeros(problem.w_shape, kind)
            for p, outputs, inputs in self._channels():
                total[:, :, p, outputs] = dense[:, :, inputs, outputs]
        return total.astype(first.dtype)

    def _channels(self) -> Iterator[tuple[int, Array, Array]]:
        """For each tap channel: the output channels that have it, and the input channels that they read."""
        for p in range(self.channels.shape[1]):
            outputs = np.flatnonzero(self.channels[:, p] >= 0)
            yield p, outputs, self.channels[outputs, p]

    def _gathered(self, x: Array) -> Array:
        """``[b, out_h, out_w, a_h, a_w, c_in]``"""
        if self.pixels.size == 0:
            return np.zeros((*self.pixels.shape, x.shape[-1]), x.dtype)
        flat = x.reshape(-1, x.shape[-1])
        return np.where((self.pixels >= 0)[..., None], flat[self.pixels], np.zeros((), x.dtype))

    def dense(self, w: Array, problem: Problem) -> Array:
        """W spread over all input channels: ``[a_h, a_w, c_in, c_out]``."""
        dense = np.zeros((*problem.kernel, problem.c_in, problem.c_out), w.dtype)
        for p, outputs, inputs in self._channels():
            dense[:, :, inputs, outputs] += w[:, :, p, outputs]
        return dense

    def _scattered(self, fields: Array, problem: Problem) -> Array:
        """The adjoint of `_gathered`."""
        x = np.zeros((problem.batch * problem.height * problem.width, problem.c_in), fields.dtype)
        inside = self.pixels >= 0
        np.add.at(x, self.pixels[inside], fields[inside])
        return x.reshape(problem.x_shape)
