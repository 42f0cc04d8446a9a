"""Operands on which every correct implementation must agree to the last bit.

A sum of K products of integers of magnitude at most M is exact in a format of t significand bits, in any
order, with or without fused multiply-add, whenever K M^2 <= 2^t: no partial sum can leave the integers that
the format holds. So M = floor(sqrt(2^t / K)), capped by what an operand holds, and the comparison is ``==``.
(A tensor core aligns the addends of a block to the largest and cuts off what is below 2^-23 of that. No addend exceeds
2^24, and beside one of 2^24 all others are 0, so what is cut off is below 1 and an integer loses nothing.)

One draw per problem is enough. A convolution is bilinear, and a wrong one that is still bilinear differs from
it by a nonzero bilinear form, which vanishes on random operands from a set S with probability at most 2/|S|
(Schwartz-Zippel). So a search varies the problem, and the operands follow from a seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from refconv.formats import Format, FormatLike, format_of
from refconv.operands import Array
from refconv.problem import OPERATORS, Operator, Problem

SMALL = 30
# What the operands look like, by the seed modulo their number. A sum that overflows a narrow accumulator needs large
# ones, cancellation hides what has one sign, a skipped zero needs zeros; and a person prefers small ones, so these are
# the first, and what a search shrinks towards. Most are uniform, which is what the probability above is about.
PATTERNS = ("small", "uniform", "largest", "uniform", "positive", "uniform", "sparse", "uniform")

DRAWN_AT_ONCE = 2**20  # numbers of 8 bytes: an operand of real size takes little more than itself


@dataclass(frozen=True)
class Operands:
    """X, W and G for a problem, shapes ``x_shape``, ``w_shape`` and ``y_shape``.

    ``magnitude``: the largest absolute value an element may have. ``thinned``: empty, or a sentence saying that
    zeros were put in because even magnitude 1 would not have been exact.
    """

    x: Array
    w: Array
    gy: Array
    magnitude: int
    thinned: str = ""


def largest_magnitude(terms: int, form: FormatLike, *, headroom: int = 1, stored: bool = False) -> int:
    """M = floor(sqrt(limit / (terms headroom))), capped by the operands; 0 where even M = 1 would be inexact.

    terms: products per sum (`Problem.terms`). headroom: how many times larger than one such sum the values
    get that the caller adds up (2 for f(X) + f(V)), and than one operand the operands (X + V). stored: True where the
    sums themselves, not their once rounded values, must survive in an array.
    """
    if headroom < 1:
        raise ValueError(f"headroom = {headroom} must be at least 1")
    form = format_of(form)
    most = max(form.largest_operand // headroom, 1)
    return min(math.isqrt(budget(form, headroom, stored) // max(terms, 1)), most)


def operands(
    problem: Problem,
    seed: int,
    form: FormatLike = np.float64,
    *,
    operators: tuple[Operator, ...] = OPERATORS,
    headroom: int = 1,
    stored: bool = False,
) -> Operands:
    """Random integers in arrays of that format for which the given operators are exact; the same for the same seed.

    ``headroom`` and ``stored`` as in `largest_magnitude`. The seed also chooses one of `PATTERNS`. Where more products
    meet in one sum than the format can count, W and G are thinned to so few nonzeros that every sum stays exact, and
    ``thinned`` says so.
    """
    form = format_of(form)
    terms = max(problem.terms(operator) for operator in operators)
    magnitude = largest_magnitude(terms, form, headroom=headroom, stored=stored)
    thin = magnitude == 0
    magnitude = max(magnitude, 1)
    x, w, gy = (
        _patterned(shape, magnitude, form.dtype, seed, stream)
        for stream, shape in enumerate((problem.x_shape, problem.w_shape, problem.y_shape))
    )
    if not thin:
        return Operands(x, w, gy, magnitude)
    keep = budget(form, headroom, stored)
    return Operands(
        x,
        thinned(w, keep, seed, stream=3),
        thinned(gy, keep, seed, stream=4),
        magnitude,
        f"{terms} terms a sum are too many for {form}: W and G hold at most {keep} nonzeros",
    )


def pattern_of(seed: int) -> str:
    """The pattern of a seed's operands: small (up to 30), uniform up to M, all of M, positive, or half of them zero."""
    return PATTERNS[seed % len(PATTERNS)]


def integers(shape: tuple[int, ...], magnitude: int, form: FormatLike, seed: int, *, stream: int) -> Array:
    """Nonzero integers in [-magnitude, magnitude] (only positive ones where the format is unsigned).

    Each ``stream`` of a seed is drawn independently, so that X does not depend on whether W was drawn too.
    """
    random = np.random.default_rng([seed, stream])
    drawn = np.empty(math.prod(shape), format_of(form).dtype)
    for start in range(0, drawn.size, DRAWN_AT_ONCE):
        size = min(DRAWN_AT_ONCE, drawn.size - start)
        if drawn.dtype.kind == "u":
            drawn[start : start + size] = random.integers(1, magnitude, size, dtype=np.int64, endpoint=True)
        else:
            values = random.integers(-magnitude, magnitude, size, dtype=np.int64)
            values += values >= 0  # no zero, and the magnitude itself on both sides
            drawn[start : start + size] = values
    return drawn.reshape(shape)


def _patterned(shape: tuple[int, ...], magnitude: int, dtype: np.dtype[Any], seed: int, stream: int) -> Array:
    """Integers in the pattern that the seed chooses."""
    pattern = pattern_of(seed)
    if pattern == "small":
        magnitude = min(magnitude, SMALL)
    values = integers(shape, magnitude, dtype, seed, stream=stream)
    if pattern == "largest":
        values = np.sign(values) * np.asarray(magnitude, dtype)
    elif pattern == "positive":
        values = np.abs(values)
    elif pattern == "sparse":
        values *= np.random.default_rng([seed, stream, 1]).integers(0, 2, shape).astype(dtype)
    return values.astype(dtype, copy=False)


def budget(form: Format, headroom: int, stored: bool) -> int:
    """What K M^2 may be; arguments as in `largest_magnitude`."""
    limit = min(form.largest_sum, form.largest_result) if stored else form.largest_sum
    return limit // headroom


def thinned(values: Array, keep: int, seed: int, *, stream: int) -> Array:
    """``values`` with all but ``keep`` elements set to zero; any sum over them has at most ``keep`` terms."""
    if values.size <= keep:
        return values
    kept = np.random.default_rng([seed, stream]).choice(values.size, keep, replace=False)
    thinned = np.zeros(values.size, values.dtype)
    thinned[kept] = values.ravel()[kept]
    return thinned.reshape(values.shape)
