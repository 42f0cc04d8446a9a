"""Mistakes in the result as a whole: flipped, scaled, cut at a tile's edge, rounded, wrapped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from refconv.explain.mistakes.case import Case, Hypothesis
from refconv.explain.mistakes.parts import channel_map
from refconv.operands import Array
from refconv.problem import Problem

TF32 = "11 bits, as in TF32 and float16"


def _after(sentence: str, change: Callable[[Array, Problem], Array]) -> Hypothesis:
    """The right result, spoilt."""
    return Hypothesis(sentence, lambda case: change(case.expected, case.problem).astype(case.expected.dtype))


def all_() -> Iterator[Hypothesis]:
    """Those of this theme, in the order in which they are preferred."""
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
        yield channel_map(f"input channels {past} are left out", partial(_first_inputs, tile))
        yield channel_map(f"output channels {past} are left out", partial(_first_outputs, tile))
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
