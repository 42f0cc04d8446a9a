"""Mistakes in which row and which column a tap reads: stride, padding, dilation, the kernel, the output's size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from refconv.explain.form import Axis, Form, axes
from refconv.explain.mistakes.case import Case, Hypothesis
from refconv.operands import Array

Axes = tuple[Axis, Axis]


def _geometry(sentence: str, change: Callable[[Axis, Axis], Axes]) -> Hypothesis:
    """Other axes, height and width, in an output of the right size."""

    def result(case: Case) -> Array:
        height, width = change(*axes(case.problem))
        return case.apply(Form.of(case.problem, height, width))

    return Hypothesis(sentence, result)


def _on_each_axis(sentence: str, change: Callable[[Axis], Axis]) -> Iterator[Hypothesis]:
    yield _geometry(sentence, lambda h, w: (change(h), change(w)))
    yield _geometry(f"{sentence}, for the height only", lambda h, w: (change(h), w))
    yield _geometry(f"{sentence}, for the width only", lambda h, w: (h, change(w)))


def _of_the_other_axis(what: str, *names: str) -> Iterator[Hypothesis]:
    def taken(axis: Axis, other: Axis) -> Axis:
        return replace(axis, **{name: getattr(other, name) for name in names})

    yield _geometry(f"height and width are swapped in the {what}", lambda h, w: (taken(h, w), taken(w, h)))
    yield _geometry(f"the {what} of the height is used for the width, too", lambda h, w: (h, taken(w, h)))
    yield _geometry(f"the {what} of the width is used for the height, too", lambda h, w: (taken(h, w), w))


def _reads(sentence: str, change: Callable[[Array, Axis], Array]) -> Iterator[Hypothesis]:
    """Other rows or columns y(j, m)."""

    def result(case: Case, on: tuple[bool, bool]) -> Array:
        maps = (
            change(axis.reads(), axis) if do else axis.reads() for axis, do in zip(axes(case.problem), on, strict=True)
        )
        return case.apply(Form.reading(case.problem, *maps))

    yield Hypothesis(sentence, lambda case: result(case, (True, True)))
    yield Hypothesis(f"{sentence}, for the height only", lambda case: result(case, (True, False)))
    yield Hypothesis(f"{sentence}, for the width only", lambda case: result(case, (False, True)))


def all_() -> Iterator[Hypothesis]:
    """Those of this theme, in the order in which they are preferred."""
    yield from _of_the_other_axis("stride", "stride")
    yield from _of_the_other_axis("padding", "before", "after")
    yield from _of_the_other_axis("dilation", "dilation")
    yield from _on_each_axis("the bottom and right padding is used for that of the top and left", _bottom_for_top)
    yield from _on_each_axis("the padding is ignored", lambda axis: replace(axis, before=0))
    yield from _on_each_axis("the stride is ignored", lambda axis: replace(axis, stride=1))
    yield from _on_each_axis("the dilation is ignored", lambda axis: replace(axis, dilation=1))
    yield from _on_each_axis("the dilation is applied twice", lambda axis: replace(axis, dilation=axis.dilation**2))
    yield from _on_each_axis(
        "a dilation above 2 is taken for 2", lambda axis: replace(axis, dilation=min(axis.dilation, 2))
    )
    yield from _on_each_axis("the stride is applied twice", lambda axis: replace(axis, stride=axis.stride**2))
    yield from _on_each_axis("the padding is applied twice", lambda axis: replace(axis, before=2 * axis.before))
    yield from _on_each_axis(
        "the top and left padding is one too small", lambda axis: replace(axis, before=axis.before - 1)
    )
    yield from _on_each_axis(
        "the top and left padding is one too large", lambda axis: replace(axis, before=axis.before + 1)
    )
    yield from _on_each_axis(
        "the padding is shared out evenly over opposite sides",
        lambda axis: replace(axis, before=(axis.before + axis.after) // 2),
    )
    yield from _on_each_axis(
        "the padding is shared out evenly over opposite sides, the odd one first",
        lambda axis: replace(axis, before=(axis.before + axis.after + 1) // 2),
    )
    yield from _on_each_axis(
        "the padding is that of an output as large as the input (SAME)",
        lambda axis: replace(axis, before=max((axis.out - 1) * axis.stride + _extent(axis) - axis.size, 0) // 2),
    )
    yield from _on_each_axis(
        "the windows are aligned with the end of the input: the remainder comes first",
        lambda axis: replace(axis, before=axis.before - axis.remainder),
    )
    yield from _on_each_axis(
        "the padding p is used where the gradient needs d (a - 1) - p",
        lambda axis: replace(axis, before=_extent(axis) - 1 - axis.before),
    )
    yield from _on_each_axis(
        "stride and dilation are exchanged",
        lambda axis: replace(axis, stride=axis.dilation, dilation=axis.stride),
    )
    yield from _on_each_axis(
        "the padding is multiplied by the dilation", lambda axis: replace(axis, before=axis.before * axis.dilation)
    )
    yield from _on_each_axis(
        "the padding is multiplied by the stride", lambda axis: replace(axis, before=axis.before * axis.stride)
    )
    yield _geometry(
        "stride and padding are ignored",
        lambda h, w: (replace(h, stride=1, before=0), replace(w, stride=1, before=0)),
    )
    yield from _reads(
        "the padding repeats the edge instead of being zero", lambda reads, axis: np.clip(reads, 0, axis.size - 1)
    )
    yield from _reads("the padding wraps around instead of being zero", lambda reads, axis: reads % axis.size)
    yield from _reads("the padding mirrors the input instead of being zero", _mirrored)
    yield from _reads("the kernel is flipped", lambda reads, axis: reads[:, ::-1])
    yield from _reads("the output is reversed", lambda reads, axis: reads[::-1])
    yield from _reads("the last row or column of the kernel is left out", lambda reads, axis: _without_tap(reads, -1))
    yield from _reads("the first row or column of the kernel is left out", lambda reads, axis: _without_tap(reads, 0))
    yield from _reads(
        "the last row or column of the output is left out", lambda reads, axis: _without_outputs(reads, -1)
    )
    yield from _reads(
        "the first row or column of the output is left out", lambda reads, axis: _without_outputs(reads, 0)
    )
    yield from _reads(
        "the last row or column of the input is taken for padding",
        lambda reads, axis: np.where(reads == axis.size - 1, -1, reads),
    )
    yield from _reads(
        "as many rows and columns as the remainder has are left out at the end of the input, padding or not",
        lambda reads, axis: np.where(reads >= axis.size - axis.remainder, -1, reads),
    )
    yield from _reads(
        "the first row or column of the input is taken for padding",
        lambda reads, axis: np.where(reads == 0, -1, reads),
    )
    yield from _reads(
        "the output is left out where the window reaches into the padding (its size is taken without padding)",
        lambda reads, axis: _without_outputs(
            reads, slice(max((axis.size - _extent(axis)) // axis.stride + 1, 0), None)
        ),
    )
    yield from _of_the_other_axis_only(
        "the kernel is taken for as wide as high, or as high as wide: taps beyond are left out",
        lambda reads, other: _without_tap(reads, slice(other.taps, None)),
    )
    yield from _of_the_other_axis_only(
        "the output is taken for as wide as high, or as high as wide: pixels beyond are left out",
        lambda reads, other: _without_outputs(reads, slice(other.out, None)),
    )
    yield from _reads(
        "the sum over the output ends at floor((h - m)/s - 1), as the derivation first printed it", _as_printed
    )


def _extent(axis: Axis) -> int:
    return axis.dilation * (axis.taps - 1) + 1


def _bottom_for_top(axis: Axis) -> Axis:
    return replace(axis, before=axis.after)


def _mirrored(reads: Array, axis: Axis) -> Array:
    period = max(2 * (axis.size - 1), 1)
    inside = reads % period
    return np.minimum(inside, period - inside) if axis.size > 1 else reads * 0


def _of_the_other_axis_only(sentence: str, change: Callable[[Array, Axis], Array]) -> Iterator[Hypothesis]:
    """Rows as far as the width goes, and columns as far as the height goes."""

    def result(case: Case) -> Array:
        height, width = axes(case.problem)
        rows, columns = change(height.reads(), width), change(width.reads(), height)
        return case.apply(Form.reading(case.problem, rows, columns))

    yield Hypothesis(sentence, result)


def _without_tap(reads: Array, tap: int | slice) -> Array:
    return _without_outputs(reads.T, tap).T


def _without_outputs(reads: Array, out: int | slice) -> Array:
    left = reads.copy()
    left[out] = -1
    return left


def _as_printed(reads: Array, axis: Axis) -> Array:
    j, m = np.arange(axis.out)[:, None], np.arange(axis.taps)
    return np.where(j <= (axis.size + axis.before + axis.after - m) // axis.stride - 1, reads, -1)
