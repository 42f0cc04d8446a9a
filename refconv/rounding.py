"""Real data: a proved bound for every element, in place of a tolerance.

For a sum of K products in a format of unit roundoff u, in every order of summation, with or without fused
multiply-add,

    |computed - exact| <= gamma_K (|X| * |W|),     gamma_K = K u / (1 - K u)

element by element, where ``*`` is the operator itself (Higham, *Accuracy and Stability of Numerical Algorithms*,
2nd ed., section 3.1). Two more roundings are a format's own: an operand of tf32 is rounded to v = 2^-11 before it is
multiplied, which makes that (1 + v)^2 (1 + gamma_K) - 1, and a result that is stored in fewer bits than its sum is
rounded once more.

For tf32, float16 and bfloat16 a sum may be a tensor core's, which does not round to nearest. It multiplies exactly,
aligns the products of a block and the sum so far to the largest of them, cuts off what is below 2^-23 of that, adds,
and cuts the result to 24 bits (Fasi, Higham, Mikaitis, Pranesh, *Numerical behavior of NVIDIA tensor cores*, PeerJ
Computer Science 7:e330, 2021). Of m nonzero addends at most m - 1 lose anything, each less than 2^-23 of the largest,
and the result less than 2^-23 of itself. So such an addition of m has an error below m 2^-23 times the addends'
magnitudes; one of two by IEEE 754, rounded in whatever direction, has less; and of a single one, none: a product of
two operands of 11 bits fits. Whatever tree of additions sums K products, its nodes of m >= 2 addends have sum (m - 1)
= K - 1, so sum m <= 2 (K - 1), and

    |computed - exact| <= gamma (|X| * |W|),     gamma = 2 K 2^-23 / (1 - 2 K 2^-23):

gamma_K with u = 2^-22, for every size of block and order of summation. (Operands are normal numbers, as ours are.)

The bounds are proved, so a value beyond them is a bug; and they are tight enough to tell TF32 or float16 accumulation
from float32, operands in bfloat16 from TF32, and float16 accumulation from float16 storage.

`excess` does no floating-point arithmetic of its own: operands are floats, so a common power of two turns them
into Python ints, and the literal index sum of ints is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from refconv import index_sum, windows
from refconv.exact import Operands
from refconv.formats import Format, FormatLike, format_of
from refconv.operands import Array, checked
from refconv.problem import OPERATORS, Operator, Problem

EXPONENTS = 4  # operands span 2^-4 to 2^4: enough for cancellation and absorption, far from overflow


@dataclass(frozen=True)
class Excess:
    """One element that is further from the exact sum than rounding can explain."""

    index: tuple[int, ...]
    computed: float
    exact: float
    error: float
    bound: float


def unit(form: FormatLike) -> Fraction:
    """The u of a format's gamma_K: 2^-t, four times that where a tensor core may add; 0 for integers."""
    form = format_of(form)
    if not form.rounds:
        return Fraction(0)
    return Fraction(4 if form.tensor_cores else 1, 2**form.accumulated)


def gamma(terms: int, form: FormatLike) -> Fraction:
    """gamma_K = K u / (1 - K u), exactly. Raises ``ValueError`` where K u >= 1 and no bound exists."""
    u = unit(form)
    if terms * u >= 1:
        raise ValueError(f"terms = {terms} must be less than 1/u = {1 / u}")
    return terms * u / (1 - terms * u)


def relative(terms: int, form: FormatLike) -> Fraction:
    """(1 + v)^2 (1 + gamma_K) - 1: the bound in units of |X| * |W|, before the result is stored. Raises as `gamma`."""
    form = format_of(form)
    v = Fraction(1, 2**form.multiplied) if form.multiplied < form.stored else Fraction(0)
    return (1 + v) ** 2 * (1 + gamma(terms, form)) - 1


def operands(problem: Problem, seed: int, form: FormatLike = np.float64) -> Operands:
    """Random reals of both signs whose every significand bit is drawn, between 2^-4 and 2^4 in magnitude.

    Where so many of their products could exceed the format's largest number, they are smaller by a power of two.
    """
    form = format_of(form)
    top = EXPONENTS
    if form.largest is not None:
        terms = max(problem.terms(operator) for operator in OPERATORS)
        top = min(top, math.floor(math.log2(form.largest / max(terms, 1)) / 2))
    x, w, gy = (
        _reals(shape, form, seed, stream, top)
        for stream, shape in ((5, problem.x_shape), (6, problem.w_shape), (7, problem.y_shape))
    )
    return Operands(x, w, gy, magnitude=2**EXPONENTS)


def bound(operator: Operator, first: Array, second: Array, problem: Problem, form: FormatLike | None = None) -> Array:
    """The bound of every element in float64, for operands in a format narrower than float64.

    first, second: the operator's operands in the contract's order. form: their format, where that is not their dtype.
    Computed by `refconv.windows`, whose own rounding, and that of a float64 oracle to compare with, is added, so that
    the bound stays one.
    """
    form = format_of(np.asarray(first).dtype if form is None else form)
    terms = problem.terms(operator)
    total: Array = getattr(windows, operator)(
        np.abs(first).astype(np.float64), np.abs(second).astype(np.float64), problem
    )
    # Twice gamma in float64: once for the oracle's own error, once for that of this sum of magnitudes.
    rounding = float(relative(terms, form) + 2 * gamma(terms + 1, np.float64))
    return total * rounding + _storage_error(total * (1 + rounding), form)


def excess(
    operator: Operator,
    computed: Array,
    first: Array,
    second: Array,
    problem: Problem,
    form: FormatLike | None = None,
) -> list[Excess]:
    """The elements of ``computed`` beyond the bound, first to last; NaN and infinities are beyond every bound.

    first, second: the operator's operands in the contract's order, finite floats. form: the format, where that is not
    the dtype of ``computed``. Exact, and literal: meant for small problems.
    """
    form = format_of(np.asarray(computed).dtype if form is None else form)
    allowed = relative(max(problem.terms(operator), 1), form)
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
            limit += max(spread * Fraction(1, 2**form.stored), Fraction(_smallest(form)) / 2)
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


def _storage_error(total: Array, form: Format) -> Array:
    if form.stored == form.accumulated:
        return np.zeros_like(total)
    return total * 2.0**-form.stored * (1 + 2.0**-form.stored) + _smallest(form)


def _smallest(form: Format) -> float:
    """The smallest subnormal: float16 has few exponents, and bfloat16 float32's."""
    return 2.0**-24 if form.name == "float16" else 2.0**-133


def _reals(shape: tuple[int, ...], form: Format, seed: int, stream: int, top: int) -> Array:
    """Between 2^(top - 2 EXPONENTS) and 2^top in magnitude."""
    random = np.random.default_rng([seed, stream])
    significand = random.uniform(1, 2, shape) * random.choice([-1.0, 1.0], shape)
    values: Array = np.ldexp(significand, random.integers(top - 2 * EXPONENTS, top, shape))
    return values.astype(form.dtype)


def _as_ints(values: Array) -> tuple[Array, int]:
    """Python ints and the power of two that they were multiplied by to become whole."""
    ratios = [value.as_integer_ratio() for value in np.asarray(values, dtype=np.float64).ravel().tolist()]
    shift = max((below.bit_length() - 1 for _, below in ratios), default=0)
    whole = np.empty(len(ratios), dtype=object)
    whole[:] = [above << (shift - below.bit_length() + 1) for above, below in ratios]
    return whole.reshape(np.shape(values)), shift
