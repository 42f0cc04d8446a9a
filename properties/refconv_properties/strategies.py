"""Hypothesis strategies for convolutions: a public API, like that of ``hypothesis.extra.numpy``.

The geometry is what a search varies and what shrinks; the operands follow from a drawn seed (see
`refconv.exact`: for a given geometry one random draw is enough). Never draw them from ``numpy.random``'s
global state, which Hypothesis resets before every example.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from refconv import exact
from refconv.problem import OPERATORS, Operator, Padding, Pair, Problem
from refconv_cuda.simulator.schedule import ORDERS, SEEDED, Schedule

SEEDS = 2**16


@st.composite
def problems(
    draw: st.DrawFn,
    *,
    max_batch: int = 3,
    max_kernel: int = 4,
    max_stride: int = 4,
    max_dilation: int = 3,
    max_groups: int = 3,
    max_channels: int = 6,
    max_extra: int = 7,
    max_multiplications: int = 4096,
    edges: bool = True,
    channels_of: tuple[int, int] = (1, 1),
) -> Problem:
    """A strategy for valid problems, made where convolutions break: small, ragged, and different on each axis.

    - ``max_batch``, ``max_kernel``, ``max_stride``, ``max_dilation``, ``max_groups``: the largest batch (0 is drawn
      too), and the largest kernel size, stride, dilation (per axis) and number of groups.
    - ``max_channels``: the most input and output channels *of one group*.
    - ``max_extra``: how many rows and columns the input may have beyond the smallest that the kernel fits into.
    - ``max_multiplications``: no problem needs more products than this (one output, one channel and the drawn
      kernel are always allowed); it keeps the literal sum at about a millisecond.
    - ``edges``: at times one size goes beyond these limits, to the edge of a tile (4, 8, 16, 32, 64), one less or one
      more: channels, images, height, width; or the output's pixels, to a product of 64, 256 or 1024.
    - ``channels_of``: the input and the output channels *of one group* come in multiples of these, and what is said of
      channels and of products counts those.

    Each padding side goes past the kernel's size at times. Examples shrink towards ``b1h1w1i1o1k1``: each number
    towards 1, padding towards 0, all axes independently; batch 0 counts as less simple than any other.
    """
    limits = {
        "max_batch": max_batch,
        "max_kernel": max_kernel,
        "max_stride": max_stride,
        "max_dilation": max_dilation,
        "max_groups": max_groups,
        "max_channels": max_channels,
        "max_multiplications": max_multiplications,
        **dict(zip(("channels_of[0]", "channels_of[1]"), channels_of, strict=True)),
    }
    for name, limit in limits.items():
        if limit < 1:
            raise ValueError(f"{name} = {limit} must be at least 1")
    if max_extra < 0:
        raise ValueError(f"max_extra = {max_extra} must not be negative")

    def whole(name: str, least: int, most: int, plain: int = 0) -> int:
        return draw(_named(name, least, most, plain))[1]

    # Always the same draws with the same bounds, whatever was drawn before: then every number shrinks on its own.
    stride = Pair(whole("stride down", 1, max_stride, 2), whole("stride across", 1, max_stride, 2))
    dilation = Pair(whole("dilation down", 1, max_dilation, 2), whole("dilation across", 1, max_dilation, 2))
    groups = whole("groups", 1, max_groups, 2)
    c_in, c_out = whole("input channels", 1, max_channels), whole("output channels", 1, max_channels)
    batches = tuple(range(1, max_batch + 1))
    batch = draw(_sampled((*batches, *batches, *batches, *batches, 0)))  # 0 seldom, and last
    # Axis by axis: the shrinker lowers one number and raises another only where they are drawn near one another, and
    # a smaller kernel or padding must often be made up for by a larger input.
    sides = draw(_SIDES)
    (a_h, top, bottom, extra_h), (a_w, left, right, extra_w) = (
        (
            whole(f"{axis} kernel", 1, max_kernel),
            whole(f"{axis} padding before", 0, max_kernel + 1),
            whole(f"{axis} padding after", 0, max_kernel + 1),
            whole(f"{axis} extra", 0, max_extra),
        )
        for axis in ("vertical", "horizontal")
    )
    kernel, extra = Pair(a_h, a_w), Pair(extra_h, extra_w)
    padding = _padding(sides, [top, bottom, left, right], kernel)

    at_edge, steps = ("nothing", 0) if not edges else (draw(_sampled(_PLACES)), whole("edge", 0, len(_AREAS) - 1))
    length, area = _LENGTHS[steps % len(_LENGTHS)], _AREAS[steps]

    # Dilation means nothing to a single tap, and the input is as large as the kernel needs, and a little more.
    dilation = Pair(*(d if a > 1 else 1 for d, a in zip(dilation, kernel, strict=True)))
    extent = Pair(*(d * (a - 1) + 1 for d, a in zip(dilation, kernel, strict=True)))
    one = Problem(
        batch=1,
        height=max(1, extent.height - padding.top - padding.bottom),
        width=max(1, extent.width - padding.left - padding.right),
        c_in=1,
        c_out=1,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
    )
    if at_edge in _COUNTS:
        length = min(length, max(1, max_multiplications // one.multiplications))
        one = _enlarged(one, extra, max_multiplications // length)
    else:
        one = _at_edge(one, at_edge, length, area, max_multiplications) or _enlarged(one, extra, max_multiplications)
    # What the geometry leaves of the budget is spent on the size at an edge, groups, channels and images in this order.
    left = max(1, max_multiplications // one.multiplications)
    counts = {"groups": groups, "c_in": c_in, "c_out": c_out, "batch": batch}
    if at_edge in _COUNTS:
        counts = {at_edge: length} | counts | {at_edge: length}
    for name, count in counts.items():
        counts[name] = min(count, left)
        left //= max(1, counts[name])
    groups, c_in, c_out = counts["groups"], counts["c_in"], counts["c_out"]
    c_in, c_out = c_in * channels_of[0], c_out * channels_of[1]
    return one.replace(batch=counts["batch"], c_in=c_in * groups, c_out=c_out * groups, groups=groups)


def seeds() -> st.SearchStrategy[int]:
    """A strategy for operand seeds, below `SEEDS`; shrinks towards 0."""
    return st.integers(0, SEEDS - 1)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """A strategy for the simulator's schedules: `refconv_cuda.simulator.Schedule`.

    Shrinks towards threads and blocks in order, then reversed, warps, random and pre-emptive, each with a smaller seed:
    a failure that depends on the schedule is reported with the least perturbed one that shows it.
    """
    order = draw(_sampled(ORDERS))
    seed = draw(seeds())
    fence = draw(_sampled(("after", "before")))
    return Schedule(order, seed if order in SEEDED else 0, fence)


def operands(
    problem: Problem | st.SearchStrategy[Problem],
    *,
    dtype: npt.DTypeLike = np.float64,
    operators: Sequence[Operator] = OPERATORS,
    headroom: int = 1,
) -> st.SearchStrategy[tuple[Problem, exact.Operands]]:
    """A strategy for (problem, `refconv.exact.Operands`): integers on which every correct result is exact.

    - ``problem``: a `Problem`, or a strategy such as `problems`.
    - ``dtype``, ``operators``, ``headroom``: as in `refconv.exact.operands`.

    Shrinks with the problem, and towards seed 0; the elements themselves do not shrink.
    """
    unknown = set(operators) - set(OPERATORS)
    if unknown:
        raise ValueError(f"operators = {operators!r} must be of {', '.join(OPERATORS)}")
    chosen = st.just(problem) if isinstance(problem, Problem) else problem
    return st.tuples(chosen, seeds()).map(
        lambda drawn: (
            drawn[0],
            exact.operands(drawn[0], drawn[1], dtype, operators=tuple(operators), headroom=headroom),
        )
    )


# A strategy costs more to make than to draw from, and the same few are drawn from all the time.
_sampled = functools.cache(st.sampled_from)


@functools.cache
def _named(name: str, least: int, most: int, plain: int) -> st.SearchStrategy[tuple[str, int]]:
    """Whole numbers, each with a name that it alone has; the least of them ``plain`` times more often than the others.

    Fast code is written for stride 1, dilation 1 and one group, and needs all three at once.

    Hypothesis follows each example with up to six mutants, in which one drawn part is replaced by another of the same
    strategy: of 1,000 examples only 170 would be drawn afresh. Where no two draws share a strategy there are none.
    """
    return st.sampled_from([(name, number) for number in (*[least] * plain, *range(least, most + 1))])


_SIDES = _sampled(("none", "usual", "equal", "four"))


# What goes to an edge, half of the time nothing, and how far. The first few lengths and areas are no edges, but what an
# edge shrinks to.
_COUNTS = ("c_in", "c_out", "batch")
_PLACES = ("nothing", "nothing", "nothing", "nothing", "nothing", *_COUNTS, "height", "width", "output")
_LENGTHS = (1, 2, *sorted({edge + off for edge in (4, 8, 16, 32, 64) for off in (-1, 0, 1)}))
_PRODUCTS = (1, 2, 4, *(product + off for product in (64, 256, 1024) for off in (-1, 0, 1)))
_AREAS = tuple(
    (rows, product // rows)
    for product in _PRODUCTS
    for rows in range(1, product + 1)
    if product % rows == 0 and (rows in (1, product) or 1 / 8 <= rows * rows / product <= 8)
)


def _at_edge(
    problem: Problem, name: str, length: int, area: tuple[int, int], max_multiplications: int
) -> Problem | None:
    """The problem with so many rows or columns, or so large an output; None if the budget is too small for it."""
    if name in ("height", "width"):
        larger = problem.replace(**{name: max(length, getattr(problem, name))})
        return larger if larger.multiplications <= max_multiplications else None
    if name == "output":
        for one in (problem, problem.replace(kernel=1, dilation=1, padding=0)):
            larger = _with_output(one, area)
            if larger.multiplications <= max_multiplications:
                return larger
    return None


def _with_output(problem: Problem, area: tuple[int, int]) -> Problem:
    top, bottom, left, right = problem.padding
    height, width = (
        max(1, (out - 1) * stride + extent - pads)
        for out, stride, extent, pads in zip(
            area, problem.stride, problem.kernel_extent, (top + bottom, left + right), strict=True
        )
    )
    return problem.replace(height=height, width=width)


def _enlarged(problem: Problem, extra: Pair, max_multiplications: int) -> Problem:
    """The problem with as many more rows and columns, up to ``extra``, as the budget allows; else without padding."""
    for height, width in zip(range(extra.height, -1, -1), range(extra.width, -1, -1), strict=False):
        larger = problem.replace(height=problem.height + height, width=problem.width + width)
        if larger.multiplications <= max_multiplications:
            return larger
    extent = problem.kernel_extent
    return problem.replace(height=extent.height, width=extent.width, padding=0)


def _padding(sides: str, drawn: list[int], kernel: Pair) -> Padding:
    """None; the same on opposite sides and smaller than the kernel, as is usual; or up to one more than its size."""
    top, bottom, left, right = drawn
    if sides == "none":
        return Padding(0, 0, 0, 0)
    if sides == "usual":
        top, left = top % kernel.height, left % kernel.width
    if sides != "four":
        bottom, right = top, left
    vertical, horizontal = kernel.height + 1, kernel.width + 1
    return Padding(min(top, vertical), min(bottom, vertical), min(left, horizontal), min(right, horizontal))
