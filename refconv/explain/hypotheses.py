"""Simple mistakes, each as a formula: what the whole result would be if just this had gone wrong.

A hypothesis counts only if it gives *every* element of a result, wrong ones and right ones, with ``==``. `TABLE` is
in the order in which equally good ones are preferred: the simpler and the more frequent first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from refconv.explain.form import Axis, Form, axes
from refconv.formats import Format
from refconv.operands import Array, accumulator
from refconv.problem import Operator, Problem


@dataclass(frozen=True)
class Case:
    """One call: an operator, its operands in the contract's order, the problem, and the format."""

    operator: Operator
    first: Array
    second: Array
    problem: Problem
    format: Format

    @cached_property
    def expected(self) -> Array:
        """What the formula gives."""
        return self.apply(self.form)

    @cached_property
    def form(self) -> Form:
        """The formula's own terms."""
        return Form.of(self.problem)

    def apply(self, form: Form) -> Array:
        """What another form gives."""
        return form.apply(self.operator, self.first, self.second, self.problem)

    def over(self, name: str, change: Callable[[Array], Array]) -> Array:
        """What the formula gives if X, W or Y (``name``) is changed on its way in or out: a view, a permutation."""
        operands = {"forward": ("X", "W"), "grad_input": ("Y", "W"), "grad_weight": ("Y", "X")}[self.operator]
        if name not in operands:
            changed = change(self.expected)
            return changed if changed.shape == self.expected.shape else changed.reshape(self.expected.shape)
        first, second = (
            change(operand).reshape(operand.shape) if name == its else operand
            for operand, its in zip((self.first, self.second), operands, strict=True)
        )
        return self.form.apply(self.operator, first, second, self.problem)


@dataclass(frozen=True)
class Hypothesis:
    """sentence: what went wrong. result: what it makes of a case; ``ValueError`` or None where it says nothing."""

    sentence: str
    result: Callable[[Case], Array | None]

    def explains(self, case: Case, result: Array) -> bool:
        """Whether it gives every element of ``result``."""
        try:
            mine = self.result(case)
        except (ValueError, IndexError):
            return False
        return mine is not None and mine.shape == result.shape and bool((mine == result).all())


Axes = tuple[Axis, Axis]

TF32 = "11 bits, as in TF32 and float16"


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


def _geometries() -> Iterator[Hypothesis]:
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


# -- indices into memory --------------------------------------------------------------------------


def _pixels(sentence: str, change: Callable[[Case], Array]) -> Hypothesis:
    """Another map of pixels."""
    return Hypothesis(sentence, lambda case: case.apply(replace(case.form, pixels=change(case))))


def _memory() -> Iterator[Hypothesis]:
    yield _pixels(
        "columns outside the image are read from the neighbouring row: the bound of the width is not checked",
        lambda case: _unchecked(case, rows_checked=True),
    )
    yield _pixels(
        "pixels outside the image are read from whatever lies there: no bound is checked",
        lambda case: _unchecked(case, rows_checked=False),
    )
    yield _pixels(
        "rows are as far apart as the image is high: u h + v for u w + v",
        lambda case: _pitch(case, case.problem.height),
    )
    yield _pixels(
        "rows are as far apart as the output is wide: u out_w + v for u w + v",
        lambda case: _pitch(case, case.problem.out_width),
    )
    yield _pixels("the bounds of height and width are exchanged", _bounds)
    yield _pixels(
        "the number of a tap is taken apart by the kernel's height, not its width",
        lambda case: _renumbered(case, case.problem.out_width, case.problem.kernel.height),
    )
    yield _pixels(
        "the number of an output pixel is taken apart by the input's width, not the output's",
        lambda case: _renumbered(case, case.problem.width, case.problem.kernel.width),
    )
    yield _pixels(
        "the number of an output pixel is taken apart by the output's height, not its width",
        lambda case: _renumbered(case, case.problem.out_height, case.problem.kernel.width),
    )
    yield _pixels("im2col is skipped: the t-th output pixel reads the t-th input pixel", _no_im2col)
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


# -- channels, groups, images ---------------------------------------------------------------------


def _channels(sentence: str, change: Callable[[Problem, Array, Array, Array], Array]) -> Hypothesis:
    """Another P(l, p), from l, p and the number of l's group."""

    def result(case: Case) -> Array:
        problem = case.problem
        l, p = np.arange(problem.c_out)[:, None], np.arange(problem.c_in_per_group)
        channels = change(problem, l, p, l // problem.c_out_per_group) + 0 * (l + p)
        known = (channels >= 0) & (channels < problem.c_in)
        return case.apply(replace(case.form, channels=np.where(known, channels, -1)))

    return Hypothesis(sentence, result)


def _parts() -> Iterator[Hypothesis]:
    yield _channels("the groups are ignored: every output channel reads the first group", lambda problem, l, p, g: p)
    yield _channels(
        "the groups are interleaved: output channel l belongs to group l mod g",
        lambda problem, l, p, g: l % problem.groups * problem.c_in_per_group + p,
    )
    yield _channels(
        "the input channels of the groups are interleaved: p g + group for group c_in/g + p",
        lambda problem, l, p, g: p * problem.groups + g,
    )
    yield _channels(
        "the groups come in reverse order",
        lambda problem, l, p, g: (problem.groups - 1 - g) * problem.c_in_per_group + p,
    )
    yield _channels(
        "each group reads the input channels of the next one",
        lambda problem, l, p, g: (g + 1) % problem.groups * problem.c_in_per_group + p,
    )
    yield _channels("the first input channel of a group is its number: g + p", lambda problem, l, p, g: g + p)
    yield _channels(
        "the groups' input channels are counted in output channels: group c_out/g + p",
        lambda problem, l, p, g: g * problem.c_out_per_group + p,
    )
    yield _channels("output channel l reads from input channel l on", lambda problem, l, p, g: l + p)
    yield _channels(
        "the input channels of a group come in reverse order",
        lambda problem, l, p, g: (g + 1) * problem.c_in_per_group - 1 - p,
    )
    yield _channels(
        "the input channels of a group are shifted by one",
        lambda problem, l, p, g: g * problem.c_in_per_group + (p + 1) % problem.c_in_per_group,
    )
    yield _channels(
        "the last input channel of each group is left out",
        lambda problem, l, p, g: np.where(p < problem.c_in_per_group - 1, g * problem.c_in_per_group + p, -1),
    )
    yield _channels(
        "the first input channel of each group is left out",
        lambda problem, l, p, g: np.where(p > 0, g * problem.c_in_per_group + p, -1),
    )
    yield _channels(
        "the last output channel is left out",
        lambda problem, l, p, g: np.where(l < problem.c_out - 1, g * problem.c_in_per_group + p, -1),
    )
    yield _channels(
        "all output channels but the first are left out",
        lambda problem, l, p, g: np.where(l < 1, g * problem.c_in_per_group + p, -1),
    )
    yield _channels("all groups but the first are left out", lambda problem, l, p, g: np.where(g < 1, p, -1))
    yield Hypothesis("the output channels come in reverse order", lambda case: case.over("Y", lambda y: y[..., ::-1]))
    yield Hypothesis(
        "the output channels of the groups are interleaved",
        lambda case: case.over("Y", lambda y: _interleaved(y, case.problem.groups)),
    )
    yield Hypothesis(
        "the output channels of the groups are interleaved in W",
        lambda case: case.over("W", lambda w: _interleaved(w, case.problem.groups)),
    )
    yield Hypothesis(
        "the output channels of the groups are interleaved in W, the other way round",
        lambda case: case.over("W", lambda w: _interleaved(w, case.problem.c_out_per_group)),
    )
    yield Hypothesis(
        "every group has the weights of the first one",
        lambda case: case.over("W", lambda w: w[..., np.arange(case.problem.c_out) % case.problem.c_out_per_group]),
    )
    yield Hypothesis("the quotients (u + top - m d)/s are rounded down where they should be whole", _rounded_quotients)
    yield from _images()
    yield Hypothesis(
        "the last tap of the kernel is left out",
        lambda case: case.apply(case.form.without(_place(case, (None, None, None, -1, -1)))),
    )
    yield Hypothesis(
        "the last pixel of the output is left out",
        lambda case: case.apply(case.form.without(_place(case, (None, -1, -1, None, None)))),
    )
    yield Hypothesis(
        "only the centre of the kernel is used",
        lambda case: case.apply(
            case.form.without(~_place(case, (None, None, None, *((a - 1) // 2 for a in case.problem.kernel))))
        ),
    )


def _rounded_quotients(case: Case) -> Array | None:
    """dX gathered from G: every pixel gets a term from every tap."""
    if case.operator != "grad_input":
        return None
    maps, insides = [], []
    for axis in axes(case.problem):
        u, m = np.arange(axis.size)[:, None], np.arange(axis.taps)
        j = (u + axis.before - m * axis.dilation) // axis.stride
        insides.append((j >= 0) & (j < axis.out))
        maps.append(np.clip(j, 0, axis.out - 1))
    (j, k), (rows, columns) = maps, insides
    kind = accumulator(case.first, case.second)
    gathered = case.first.astype(kind)[:, j][:, :, :, k]  # [b, u, m, v, n, l]
    inside = rows[:, :, None, None] & columns
    gathered = np.where(inside[None, ..., None], gathered, np.zeros((), kind))
    dense = case.form.dense(case.second.astype(kind), case.problem)
    return np.tensordot(gathered, dense, axes=((2, 4, 5), (0, 1, 3))).astype(case.first.dtype)


def _interleaved(y: Array, groups: int) -> Array:
    return y.reshape(*y.shape[:-1], groups, -1).swapaxes(-1, -2).reshape(y.shape)


def _place(case: Case, where: tuple[int | None, ...]) -> Array:
    """True at these places [b, j, k, m, n] of the map of pixels; None is everywhere."""
    mask = np.zeros(case.form.pixels.shape, bool)
    mask[tuple(slice(None) if at is None else at for at in where)] = True
    return mask


def _images() -> Iterator[Hypothesis]:
    def order(change: Callable[[Array], Array]) -> Callable[[Case], Array]:
        """X of other images."""

        def pixels(case: Case) -> Array:
            size = case.problem.height * case.problem.width
            shift = (change(np.arange(case.problem.batch)) - np.arange(case.problem.batch)) * size
            old = case.form.pixels
            return np.where(old >= 0, old + shift.reshape(-1, 1, 1, 1, 1), -1)

        return pixels

    yield _pixels("the images of the batch come in reverse order", order(lambda i: i[::-1]))
    yield _pixels("every image is taken for the first one", order(lambda i: i * 0))
    yield _pixels("every image is taken for the last one", order(lambda i: i * 0 + i.size - 1))
    yield _pixels("each image is taken for the next one", order(lambda i: np.roll(i, -1)))
    yield _pixels("each image is taken for the one before", order(lambda i: np.roll(i, 1)))
    for sentence, where in (
        ("the last image of the batch is left out", slice(-1, None)),
        ("the first image of the batch is left out", slice(0, 1)),
        ("all images but the first are left out", slice(1, None)),
        ("all images but the last are left out", slice(None, -1)),
    ):
        yield Hypothesis(sentence, partial(_without_images, where))


def _without_images(where: slice, case: Case) -> Array:
    mask = np.zeros(case.form.pixels.shape, bool)
    mask[where] = True
    return case.apply(case.form.without(mask))


# -- the result as a whole ------------------------------------------------------------------------


def _after(sentence: str, change: Callable[[Array, Problem], Array]) -> Hypothesis:
    """The right result, spoilt."""
    return Hypothesis(sentence, lambda case: change(case.expected, case.problem).astype(case.expected.dtype))


def _whole() -> Iterator[Hypothesis]:
    yield _after("nothing is written: every element is 0", lambda y, problem: y * 0)
    yield _after("every term is counted twice: the result is doubled", lambda y, problem: y * 2)
    yield _after("the result is negated", lambda y, problem: -y if y.dtype.kind != "u" else y * 0)
    for what, number in (
        ("the number of images", lambda problem: problem.batch),
        ("the number of output pixels", lambda problem: problem.out_height * problem.out_width),
        (
            "the number of images and output pixels",
            lambda problem: problem.batch * problem.out_height * problem.out_width,
        ),
        (
            "the number of images and input pixels",
            lambda problem: problem.batch * problem.height * problem.width,
        ),
        ("the number of taps", lambda problem: problem.kernel.height * problem.kernel.width),
        ("the number of groups", lambda problem: problem.groups),
        ("the number of input channels", lambda problem: problem.c_in),
    ):
        yield _after(f"the result is divided by {what}", partial(_divided, number))
        yield _after(f"the result is multiplied by {what}", partial(_multiplied, number))
    yield _after("absolute values are taken", lambda y, problem: np.abs(y))
    yield _after("negative results are set to 0, as by a ReLU", lambda y, problem: np.maximum(y, 0))
    for axis, what in enumerate(("first", "second", "third", "fourth")):
        yield _after(f"the result is reversed along its {what} axis", partial(_flipped, axis))
    yield _after("the result is turned by half a turn", lambda y, problem: y[:, ::-1, ::-1])
    yield _after("both kernel axes of the result are reversed", lambda y, problem: y[::-1, ::-1])
    for name in (TF32, "float16", "bfloat16", "float32"):
        yield Hypothesis(f"the operands are rounded to {name}", partial(_with_operands, name))
        yield _after(f"the result is rounded to {name}", partial(_to_format, name))
    for bits in (8, 16, 32):
        yield _after(f"the result wraps around in int{bits}", partial(_wrapped, bits))
        yield _after(f"the result is clipped to int{bits}", partial(_clipped, bits))
    yield from _tails()


def _tails() -> Iterator[Hypothesis]:
    """What a tile of T elements leaves over."""
    for tile in (64, 32, 16, 8, 4, 2):
        past = f"past the last multiple of {tile}"
        for axis, what in enumerate(("first", "second", "third", "fourth")):
            yield _after(f"the result is not written {past} along its {what} axis", partial(_cut, tile, axis))
        yield _after(f"the result is not written {past} elements", partial(_cut_elements, tile))
        yield _after(f"the result is not written {past} rows of its matrix", partial(_cut_rows, tile))
        yield _channels(f"input channels {past} are left out", partial(_first_inputs, tile))
        yield _channels(f"output channels {past} are left out", partial(_first_outputs, tile))
        yield Hypothesis(f"products {past} in the sum are left out", partial(_short_sum, tile))


def _flipped(axis: int, y: Array, problem: Problem) -> Array:
    return np.flip(y, axis)


def _divided(number: Callable[[Problem], int], y: Array, problem: Problem) -> Array:
    divided: Array = y / max(number(problem), 1)
    return divided


def _multiplied(number: Callable[[Problem], int], y: Array, problem: Problem) -> Array:
    multiplied: Array = y * number(problem)
    return multiplied


def _first_inputs(tile: int, problem: Problem, l: Array, p: Array, g: Array) -> Array:
    return np.where(p < problem.c_in_per_group // tile * tile, g * problem.c_in_per_group + p, -1)


def _first_outputs(tile: int, problem: Problem, l: Array, p: Array, g: Array) -> Array:
    return np.where(l < problem.c_out // tile * tile, g * problem.c_in_per_group + p, -1)


def _cut(tile: int, axis: int, y: Array, problem: Problem) -> Array:
    left = y.copy()
    left[(slice(None),) * axis + (slice(y.shape[axis] // tile * tile, None),)] = 0
    return left


def _cut_elements(tile: int, y: Array, problem: Problem) -> Array:
    return _cut(tile, 0, y.ravel(), problem).reshape(y.shape)


def _cut_rows(tile: int, y: Array, problem: Problem) -> Array:
    return _cut(tile, 0, y.reshape(-1, y.shape[-1]), problem).reshape(y.shape)


def _short_sum(tile: int, case: Case) -> Array:
    """The sum over K = (m, n, p), (m, n, l) or (i, j, k), as an implicit GEMM orders it, without its tail."""
    problem = case.problem
    keep = problem.terms(case.operator) // tile * tile
    if case.operator == "grad_weight":
        order = np.arange(problem.terms("grad_weight")).reshape(problem.y_shape[:3])
        return case.apply(case.form.without((order >= keep)[..., None, None] & (case.form.pixels >= -1)))
    m, n, p, l = np.indices(problem.w_shape)
    taps = m * problem.kernel.width + n
    if case.operator == "forward":
        place = taps * problem.c_in_per_group + p
    else:
        place = taps * problem.c_out_per_group + l % problem.c_out_per_group
    w = np.where(place < keep, case.second, np.zeros((), case.second.dtype))
    return case.form.apply(case.operator, case.first, w, problem)


def _with_operands(name: str, case: Case) -> Array | None:
    if case.first.dtype.kind in "iu":
        return None
    first, second = (
        _to_format(name, operand, case.problem).astype(operand.dtype) for operand in (case.first, case.second)
    )
    return case.form.apply(case.operator, first, second, case.problem)


def _to_format(name: str, values: Array, problem: Problem) -> Array:
    """Rounded to nearest, ties to even, in the significand only; the values are integers of moderate size."""
    bits = {"float16": 11, "bfloat16": 8, TF32: 11, "float32": 24}[name]
    significand, exponent = np.frexp(values.astype(np.float64))
    rounded: Array = np.ldexp(np.rint(significand * 2.0**bits), exponent - bits)
    return np.where(np.abs(rounded) > 65504, np.copysign(np.inf, rounded), rounded) if name == "float16" else rounded


def _wrapped(bits: int, y: Array, problem: Problem) -> Array:
    wrapped: Array = (y.astype(np.float64) + 2.0 ** (bits - 1)) % 2.0**bits - 2.0 ** (bits - 1)
    return wrapped


def _clipped(bits: int, y: Array, problem: Problem) -> Array:
    return np.clip(y.astype(np.float64), -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1)


TABLE: tuple[Hypothesis, ...] = (*_geometries(), *_memory(), *_parts(), *_whole())
