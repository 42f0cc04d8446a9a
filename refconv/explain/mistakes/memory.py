"""Mistakes in where an element lies: pitches, layouts, bounds that are not checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from refconv.explain.form import axes
from refconv.explain.mistakes.case import Case, Hypothesis
from refconv.operands import Array


def pixel_map(sentence: str, change: Callable[[Case], Array]) -> Hypothesis:
    """Another map of pixels."""
    return Hypothesis(sentence, lambda case: case.apply(replace(case.form, pixels=change(case))))


def all_() -> Iterator[Hypothesis]:
    """Those of this theme, in the order in which they are preferred."""
    yield pixel_map(
        "columns outside the image are read from the neighbouring row: the bound of the width is not checked",
        lambda case: _unchecked(case, rows_checked=True),
    )
    yield pixel_map(
        "pixels outside the image are read from whatever lies there: no bound is checked",
        lambda case: _unchecked(case, rows_checked=False),
    )
    yield pixel_map(
        "rows are as far apart as the image is high: u h + v for u w + v",
        lambda case: _pitch(case, case.problem.height),
    )
    yield pixel_map(
        "rows are as far apart as the output is wide: u out_w + v for u w + v",
        lambda case: _pitch(case, case.problem.out_width),
    )
    yield pixel_map("the bounds of height and width are exchanged", _bounds)
    yield pixel_map(
        "the number of a tap is taken apart by the kernel's height, not its width",
        lambda case: _renumbered(case, case.problem.out_width, case.problem.kernel.height),
    )
    yield pixel_map(
        "the number of an output pixel is taken apart by the input's width, not the output's",
        lambda case: _renumbered(case, case.problem.width, case.problem.kernel.width),
    )
    yield pixel_map(
        "the number of an output pixel is taken apart by the output's height, not its width",
        lambda case: _renumbered(case, case.problem.out_height, case.problem.kernel.width),
    )
    yield pixel_map("im2col is skipped: the t-th output pixel reads the t-th input pixel", _no_im2col)
    yield Hypothesis(
        "taps are as far apart as the kernel is high: m a_h + n for m a_w + n",
        lambda case: case.over("W", lambda w: _tap_pitch(w)),
    )
    yield Hypothesis("X is taken for NCHW in memory", lambda case: case.over("X", _from_channels_first))
    yield Hypothesis("Y is taken for NCHW in memory", lambda case: case.over("Y", _from_channels_first))
    yield Hypothesis("W is taken for OIHW in memory", lambda case: case.over("W", _from_oihw))
    yield Hypothesis(
        "W is taken for HWOI in memory, input and output channels exchanged",
        lambda case: case.over("W", lambda w: w.reshape(*w.shape[:2], w.shape[3], w.shape[2]).swapaxes(2, 3)),
    )
    yield Hypothesis(
        "input and output channels of W are exchanged",
        lambda case: case.over("W", lambda w: w.swapaxes(2, 3)) if _square(case, "W", 2, 3) else None,
    )
    yield Hypothesis(
        "the kernel is transposed",
        lambda case: case.over("W", lambda w: w.swapaxes(0, 1)) if _square(case, "W", 0, 1) else None,
    )
    yield Hypothesis(
        "the input is transposed: height and width are swapped in X",
        lambda case: case.over("X", lambda x: x.swapaxes(1, 2)) if _square(case, "X", 1, 2) else None,
    )
    yield Hypothesis(
        "the output is transposed: height and width are swapped in Y",
        lambda case: case.over("Y", lambda y: y.swapaxes(1, 2)) if _square(case, "Y", 1, 2) else None,
    )
    yield Hypothesis("the operands are exchanged", _exchanged)


def _unchecked(case: Case, *, rows_checked: bool) -> Array:
    problem = case.problem
    rows, columns = (axis.reads() for axis in axes(problem))
    u, v = rows[:, None, :, None], columns[None, :, None, :]
    images = np.arange(problem.batch).reshape(-1, 1, 1, 1, 1)
    pixels = (images * problem.height + u) * problem.width + v
    inside = (pixels >= 0) & (pixels < problem.batch * problem.height * problem.width)
    if rows_checked:
        inside &= (u >= 0) & (u < problem.height)
    return np.where(inside, pixels, -1)


def _pitch(case: Case, pitch: int) -> Array:
    problem = case.problem
    image, pixel = np.divmod(case.form.pixels, problem.height * problem.width)
    u, v = np.divmod(pixel, problem.width)
    pixels = image * problem.height * problem.width + u * pitch + v
    inside = (case.form.pixels >= 0) & (pixels < problem.batch * problem.height * problem.width)
    return np.where(inside, pixels, -1)


def _bounds(case: Case) -> Array:
    problem = case.problem
    rows, columns = (axis.reads() for axis in axes(problem))
    u, v = rows[:, None, :, None], columns[None, :, None, :]
    images = np.arange(problem.batch).reshape(-1, 1, 1, 1, 1)
    pixels = (images * problem.height + u) * problem.width + v
    inside = (u >= 0) & (u < problem.width) & (v >= 0) & (v < problem.height)
    return np.where(inside & (pixels < problem.batch * problem.height * problem.width), pixels, -1)


def _renumbered(case: Case, out_width: int, taps_width: int) -> Array:
    """Output pixels and taps numbered as they are, and taken apart as if rows were of these widths."""
    problem = case.problem
    height, width = axes(problem)
    j, k = np.divmod(np.arange(height.out * width.out).reshape(1, height.out, width.out, 1, 1), out_width)
    m, n = np.divmod(np.arange(height.taps * width.taps).reshape(1, 1, 1, height.taps, width.taps), taps_width)
    u = j * height.stride + m * height.dilation - height.before
    v = k * width.stride + n * width.dilation - width.before
    images = np.arange(problem.batch).reshape(-1, 1, 1, 1, 1)
    inside = (u >= 0) & (u < problem.height) & (v >= 0) & (v < problem.width)
    return np.where(inside, (images * problem.height + u) * problem.width + v, -1)


def _no_im2col(case: Case) -> Array:
    problem = case.problem
    outputs = np.arange(problem.out_height * problem.out_width).reshape(1, problem.out_height, problem.out_width, 1, 1)
    size = problem.height * problem.width
    images = np.arange(problem.batch).reshape(-1, 1, 1, 1, 1) * size
    return np.broadcast_to(np.where(outputs < size, images + outputs, -1), case.form.pixels.shape)


def _tap_pitch(w: Array) -> Array:
    a_h, a_w = w.shape[:2]
    m, n = np.indices((a_h, a_w))
    read: Array = w.reshape(a_h * a_w, *w.shape[2:])[np.minimum(m * a_h + n, a_h * a_w - 1)]
    return read


def _from_channels_first(x: Array) -> Array:
    b, h, w, c = x.shape
    return x.reshape(b, c, h, w).transpose(0, 2, 3, 1)


def _from_oihw(w: Array) -> Array:
    a_h, a_w, p, l = w.shape
    return w.reshape(l, p, a_h, a_w).transpose(2, 3, 1, 0)


def _square(case: Case, name: str, one: int, other: int) -> bool:
    problem = case.problem
    shape = {"X": problem.x_shape, "W": problem.w_shape, "Y": problem.y_shape}[name]
    return shape[one] == shape[other]


def _exchanged(case: Case) -> Array | None:
    if case.first.shape != case.second.shape:
        return None
    return case.form.apply(case.operator, case.second, case.first, case.problem)
