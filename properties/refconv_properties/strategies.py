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
) -> Problem:
    """A strategy for valid problems, made where convolutions break: small, ragged, and different on each axis.

    - ``max_batch``, ``max_kernel``, ``max_stride``, ``max_dilation``, ``max_groups``: the largest batch (0 is drawn
      too), and the largest kernel size, stride, dilation (per axis) and number of groups.
    - ``max_channels``: the most input and output channels *of one group*.
    - ``max_extra``: how many rows and columns the input may have beyond the smallest that the kernel fits into.
    - ``max_multiplications``: no problem needs more products than this (one output, one channel and the drawn
      kernel are always allowed); it keeps the literal sum below about a millisecond.

    Each padding side goes past the kernel's extent at times. Examples shrink towards ``b1h1w1i1o1k1``: each number
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
    }
    for name, limit in limits.items():
        if limit < 1:
            raise ValueError(f"{name} = {limit} must be at least 1")
    if max_extra < 0:
        raise ValueError(f"max_extra = {max_extra} must not be negative")

    kernel = Pair(draw(_whole(1, max_kernel)), draw(_whole(1, max_kernel)))
    stride = Pair(draw(_whole(1, max_stride)), draw(_whole(1, max_stride)))
    dilation = Pair(
        draw(_whole(1, max_dilation)) if kernel.height > 1 else 1,
        draw(_whole(1, max_dilation)) if kernel.width > 1 else 1,
    )
    extent = Pair(dilation.height * (kernel.height - 1) + 1, dilation.width * (kernel.width - 1) + 1)
    padding = draw(_paddings(extent))
    height = max(1, extent.height - padding.top - padding.bottom) + draw(_whole(0, max_extra))
    width = max(1, extent.width - padding.left - padding.right) + draw(_whole(0, max_extra))

    # What the geometry leaves of the budget is spent on groups, channels and images, in this order.
    one = Problem(
        batch=1, height=height, width=width, c_in=1, c_out=1,
        kernel=kernel, stride=stride, padding=padding, dilation=dilation,
    )  # fmt: skip
    left = max_multiplications // one.multiplications
    groups = draw(_up_to(max_groups, left))
    left //= groups
    c_in = draw(_up_to(max_channels, left))
    left //= c_in
    c_out = draw(_up_to(max_channels, left))
    left //= c_out
    batches = range(1, max(1, min(max_batch, left)) + 1)
    batch = draw(_sampled((*batches, *batches, *batches, *batches, 0)))  # 0 seldom, and last
    return one.replace(batch=batch, c_in=c_in * groups, c_out=c_out * groups, groups=groups)


def seeds() -> st.SearchStrategy[int]:
    """A strategy for operand seeds, below `SEEDS`; shrinks towards 0."""
    return st.integers(0, SEEDS - 1)


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
_whole = functools.cache(st.integers)
_sampled = functools.cache(st.sampled_from)
_SIDES = _sampled((0, 2, 4))


@st.composite
def _paddings(draw: st.DrawFn, extent: Pair) -> Padding:
    """None, the same on both sides, or four of its own, each up to one past the kernel's extent."""
    sides = draw(_SIDES)
    if sides == 0:
        return Padding(0, 0, 0, 0)
    vertical, horizontal = _whole(0, extent.height + 1), _whole(0, extent.width + 1)
    if sides == 2:
        p, q = draw(vertical), draw(horizontal)
        return Padding(p, p, q, q)
    return Padding(draw(vertical), draw(vertical), draw(horizontal), draw(horizontal))


def _up_to(most: int, left: int) -> st.SearchStrategy[int]:
    return _whole(1, max(1, min(most, left)))
