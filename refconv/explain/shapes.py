"""A result of the wrong shape: which slip in the size makes that shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from refconv.explain.form import Axis, axes
from refconv.problem import Operator, Problem

Size = Callable[[Axis], int]


def slips(operator: Operator, shape: tuple[int, ...], problem: Problem) -> list[str]:
    """Sentences, each of which would make ``operator`` return ``shape``, the likelier first; none for the right one."""
    if shape == problem.result_shape(operator):
        return []
    return [sentence for sentence, wrong in _slips(operator, problem) if shape == wrong]


def _slips(operator: Operator, problem: Problem) -> Iterator[tuple[str, tuple[int, ...]]]:
    right = problem.result_shape(operator)
    height, width = axes(problem)
    # Axes 0 and 1 of dW are sizes, 1 and 2 of Y and dX.
    first = 0 if operator == "grad_weight" else 1

    def sized(sentence: str, size: Size) -> Iterator[tuple[str, tuple[int, ...]]]:
        both = (size(height), size(width))
        old = right[first : first + 2]
        yield sentence, (*right[:first], *both, *right[first + 2 :])
        yield f"{sentence}, for the height only", (*right[:first], both[0], old[1], *right[first + 2 :])
        yield f"{sentence}, for the width only", (*right[:first], old[0], both[1], *right[first + 2 :])

    for sentence, size in {"forward": _OUTPUT, "grad_input": _INPUT, "grad_weight": _KERNEL}[operator]:
        yield from sized(sentence, size)
    if operator == "forward":
        for what, name in (("strides", "stride"), ("paddings", "before"), ("dilations", "dilation")):
            yield f"the {what} of height and width were swapped", _sized(right, (height, width), (width, height), name)
            yield f"the width had the {what} of the height", _sized(right, (height, width), (height, height), name)
            yield f"the height had the {what} of the width", _sized(right, (height, width), (width, width), name)
    yield (
        "height and width were swapped",
        ((right[1], right[0], *right[2:]) if first == 0 else (right[0], right[2], right[1], right[3])),
    )
    if operator == "grad_weight":
        yield "it were laid out OIHW", (right[3], right[2], right[0], right[1])
        yield "its channels were swapped, HWOI", (right[0], right[1], right[3], right[2])
        yield "it had all input channels, not those of one group", (*right[:2], problem.c_in, right[3])
        yield "it had the output channels of one group only", (*right[:3], problem.c_out_per_group)
    else:
        yield "it were laid out NCHW", (right[0], right[3], right[1], right[2])
        yield "it had the channels of one group only", (*right[:3], right[3] // problem.groups)
        yield "it had one image only", (1, *right[1:])
        yield (
            "input and output channels were exchanged",
            (
                *right[:3],
                problem.c_in if operator == "forward" else problem.c_out,
            ),
        )
    yield "the axes of length 1 were dropped", tuple(size for size in right if size != 1)
    yield "the first axis were dropped", right[1:]
    yield "it were flat", (right[0] * right[1] * right[2] * right[3],)


def _span(axis: Axis) -> int:
    """From the first tap's row of the first window to its row of the last possible one."""
    return axis.size + axis.before + axis.after - axis.dilation * (axis.taps - 1) - 1


def _reached(axis: Axis) -> int:
    """Input rows up to the end of the last window, less the padding."""
    return (axis.out - 1) * axis.stride + axis.dilation * (axis.taps - 1) + 1 - axis.before - axis.after


_OUTPUT: tuple[tuple[str, Size], ...] = (
    ("the output size were rounded up instead of down", lambda axis: -(-_span(axis) // axis.stride) + 1),
    ("the dilation were ignored in the output size", lambda a: (a.size + a.before + a.after - a.taps) // a.stride + 1),
    ("the padding were ignored in the output size", lambda a: (_span(a) - a.before - a.after) // a.stride + 1),
    ("the padding were counted on one side only", lambda a: (_span(a) - a.after) // a.stride + 1),
    ("the padding were counted on the other side only", lambda a: (_span(a) - a.before) // a.stride + 1),
    ("the top and left padding were taken for both sides", lambda a: (_span(a) + a.before - a.after) // a.stride + 1),
    (
        "the bottom and right padding were taken for both sides",
        lambda a: (_span(a) + a.after - a.before) // a.stride + 1,
    ),
    ("the stride were ignored in the output size", lambda axis: _span(axis) + 1),
    ("the + 1 of the output size were forgotten", lambda axis: _span(axis) // axis.stride),
    ("the output size were ceil(h / s)", lambda axis: -(-axis.size // axis.stride)),
    ("the output were as large as the input", lambda axis: axis.size),
    ("the output were that of a full convolution", lambda a: (a.size + a.dilation * (a.taps - 1) - 1) // a.stride + 1),
)
_INPUT: tuple[tuple[str, Size], ...] = (
    (
        "the remainder that no window reaches were dropped",
        _reached,
    ),
    (
        "one row or column of the remainder were restored, however many there are",
        lambda a: _reached(a) + min(a.remainder, 1),
    ),
    ("the remainder were added twice", lambda a: _reached(a) + 2 * a.remainder),
    ("the padding were not cropped", lambda axis: axis.size + axis.before + axis.after),
    (
        "the remainder were dropped and the padding not cropped",
        lambda a: (a.out - 1) * a.stride + a.dilation * (a.taps - 1) + 1,
    ),
    (
        "the remainder were dropped and the dilation ignored",
        lambda a: (a.out - 1) * a.stride + a.taps - a.before - a.after,
    ),
    ("the input size were taken for out s", lambda axis: axis.out * axis.stride),
    ("it were as large as the output", lambda axis: axis.out),
)
_KERNEL: tuple[tuple[str, Size], ...] = (
    (
        "the convolution by dilate(G) were not cropped to the kernel",
        lambda a: (a.size + a.before + a.after - (a.out - 1) * a.stride - 1) // a.dilation + 1,
    ),
    ("the padding were doubled", lambda a: (a.size + 2 * (a.before + a.after) - (a.out - 1) * a.stride - 1) + 1),
    ("it were spread by the dilation", lambda axis: axis.dilation * (axis.taps - 1) + 1),
)


def _sized(right: tuple[int, ...], ours: tuple[Axis, Axis], theirs: tuple[Axis, Axis], name: str) -> tuple[int, ...]:
    """Y's shape with one property of each axis taken from another."""
    sizes = []
    for axis, other in zip(ours, theirs, strict=True):
        taken = replace(axis, **{name: getattr(other, name)})
        if name == "before":
            taken = replace(taken, after=other.after)
        sizes.append(_span(taken) // taken.stride + 1)
    return (right[0], *sizes, right[3])
