"""Real data: a proved bound for every element, in place of a tolerance.

For a sum of K products in a format of unit roundoff u, in every order of summation, with or without fused
multiply-add,

    |computed - exact| <= gamma_K (|X| * |W|),     gamma_K = K u / (1 - K u)

element by element, where ``*`` is the operator itself (Higham, *Accuracy and Stability of Numerical Algorithms*,
2nd ed., section 3.1). A result that is stored in a narrower format than it is accumulated in is rounded once
more. The bound is proved, so a value beyond it is a bug; and it is tight enough to tell TF32 or float16
accumulation from float32.

`excess` does no floating-point arithmetic of its own: operands are floats, so a common power of two turns them
into Python ints, and the literal index sum of ints is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from refconv import index_sum, windows
from refconv.exact import Operands
from refconv.formats import format_of
from refconv.operands import Array, checked
from refconv.problem import Operator, Problem

EXPONENTS = 4  # operands span 2^-4 to 2^4: enough for cancellation and absorption, far from overflow


@dataclass(frozen=True)
class Excess:
    """One element that is further from the exact sum than rounding can explain."""

    index: tuple[int, ...]
    computed: float
    exact: float
    error: float
    bound: float


def gamma(terms: int, dtype: npt.DTypeLike) -> Fraction:
    """gamma_K = K u / (1 - K u), exactly. Raises ``ValueError`` where K u >= 1 and no bound exists."""
    ku = terms * format_of(dtype).unit_roundoff
    if ku >= 1:
        raise ValueError(f"terms = {terms} must be less than 1/u = {1 / format_of(dtype).unit_roundoff}")
    return ku / (1 - ku)


def operands(problem: Problem, seed: int, dtype: npt.DTypeLike = np.float64) -> Operands:
    """Random reals of both signs whose every significand bit is drawn, between 2^-4 and 2^4 in magnitude."""
    return Operands(
        _reals(problem.x_shape, dtype, seed, 5),
        _reals(problem.w_shape, dtype, seed, 6),
        _reals(problem.y_shape, dtype, seed, 7),
        magnitude=2**EXPONENTS,
    )


def bound(operator: Operator, first: Array, second: Array, problem: Problem) -> Array:
    """gamma_K (|first| * |second|) in float64, for operands in a format narrower than float64.

    first, second: the operator's operands in the contract's order. Computed by `refconv.windows`, whose own
    rounding, and that of a float64 oracle to compare with, is added, so that the bound stays one.
    """
    dtype = np.asarray(first).dtype
    terms = problem.terms(operator)
    total: Array = getattr(windows, operator)(
        np.abs(first).astype(np.float64), np.abs(second).astype(np.float64), problem
    )
    # Twice gamma in float64: once for the oracle's own error, once for that of this sum of magnitudes.
    rounding = float(gamma(terms, dtype) + 2 * gamma(terms + 1, np.float64))
    return total * rounding + _storage_error(total * (1 + rounding), dtype)


def excess(operator: Operator, computed: Array, first: Array, second: Array, problem: Problem) -> list[Excess]:
    """The elements of ``computed`` beyond the bound, first to last; NaN and infinities are beyond every bound.

    first, second: the operator's operands in the contract's order, finite floats. Exact, and literal: meant
    for small problems.
    """
    dtype = np.asarray(computed).dtype
    form = format_of(dtype)
    allowed = gamma(max(problem.terms(operator), 1), dtype)
    literal = getattr(index_sum, operator)
    (a, a_shift), (b, b_shift) = _as_ints(first), _as_ints(second)
    scale = Fraction(1, 2 ** (a_shift + b_shift))
    checked("computed", computed, problem.result_shape(operator))
    exact, total = literal(a, b, problem), literal(abs(a), abs(b), problem)
    found = []
    narrow = form.stored < form.accumulated
    for index, element in zip(np.ndindex(exact.shape), computed.ravel().tolist(), strict=True):
        value = float(element)
        if not narrow and math.isfinite(value):
            # |value - exact scale| <= gamma total scale, cleared of denominators: most elements end here.
            above, below = value.as_integer_ratio()
            error_above = abs((above << (a_shift + b_shift)) - exact[index] * below)
            if error_above * allowed.denominator <= allowed.numerator * total[index] * below:
                continue
        limit = allowed * total[index] * scale
        if narrow:
            # The final rounding: relative to the accumulated value, at least half the smallest subnormal.
            spread = abs(exact[index]) * scale + limit
            limit += max(spread * Fraction(1, 2**form.stored), Fraction(float(_smallest(dtype))) / 2)
        error = abs(Fraction(value) - exact[index] * scale) if np.isfinite(value) else None
        if error is None or not error <= limit:
            found.append(
                Excess(
                    index,
                    value,
                    float(exact[index] * scale),
                    float("nan") if error is None else float(error),
                    float(limit),
                )
            )
    return found


def _storage_error(total: Array, dtype: np.dtype[Any]) -> Array:
    form = format_of(dtype)
    if form.stored == form.accumulated:
        return np.zeros_like(total)
    return total * 2.0**-form.stored * (1 + 2.0**-form.stored) + float(_smallest(dtype))


def _smallest(dtype: np.dtype[Any]) -> float:
    """The smallest subnormal: float16 has few exponents, and bfloat16 float32's."""
    return 2.0**-24 if dtype == np.float16 else 2.0**-133


def _reals(shape: tuple[int, ...], dtype: npt.DTypeLike, seed: int, stream: int) -> Array:
    random = np.random.default_rng([seed, stream])
    significand = random.uniform(1, 2, shape) * random.choice([-1.0, 1.0], shape)
    values: Array = np.ldexp(significand, random.integers(-EXPONENTS, EXPONENTS, shape))
    return values.astype(dtype)


def _as_ints(values: Array) -> tuple[Array, int]:
    """Python ints and the power of two that they were multiplied by to become whole."""
    ratios = [value.as_integer_ratio() for value in np.asarray(values, dtype=np.float64).ravel().tolist()]
    shift = max((below.bit_length() - 1 for _, below in ratios), default=0)
    whole = np.empty(len(ratios), dtype=object)
    whole[:] = [above << (shift - below.bit_length() + 1) for above, below in ratios]
    return whole.reshape(np.shape(values)), shift
