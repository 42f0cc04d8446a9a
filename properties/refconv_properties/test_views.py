"""The law of views: what counts is an operand's elements, not how they lie in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refconv import exact
from refconv.operands import Array
from refconv.problem import OPERANDS, RESULTS, Problem
from refconv_properties.broken import LawBroken, equal, identical, only_if
from refconv_properties.laws import law
from refconv_properties.subject import Refused, Subject


def _channels_first(values: Array) -> Array:
    return np.ascontiguousarray(np.moveaxis(values, -1, 1)).transpose(0, 2, 3, 1)


def _exchanged(first: int, second: int) -> Callable[[Array], Array]:
    return lambda values: values.swapaxes(first, second).copy().swapaxes(first, second)


def _backwards(values: Array) -> Array:
    return values[::-1, ::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1, ::-1]


def _every_second(values: Array) -> Array:
    wide = np.full((*values.shape[:3], 2 * values.shape[3]), 77, values.dtype)
    wide[..., ::2] = values
    return wide[..., ::2]


def _inside_a_larger_array(values: Array) -> Array:
    larger = np.full([size + 3 for size in values.shape], 77, values.dtype)
    inside = larger[1:-2, 2:-1, 1:-2, 2:-1]
    inside[...] = values
    return inside


# Each takes a contiguous array and returns an equal one that lies differently.
LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "in Fortran order": np.asfortranarray,
    "with channels first": _channels_first,
    "with the first two axes exchanged in memory": _exchanged(0, 1),
    "with the middle axes exchanged in memory": _exchanged(1, 2),
    "with negative strides": _backwards,
    "as every second element": _every_second,
    "as a slice of a larger array": _inside_a_larger_array,
}


@law(
    "views",
    "operands of any strides give the same result, which shares memory with nothing and stays as it is",
    kills="strides that are ignored, offsets of slices that are lost, results in a workspace that the next call reuses",
    trust="the formula indexes arrays, whatever their strides; sums of integers are exact in any order",
    seen=(
        "pytorch/pytorch#4500",
        "pytorch/pytorch#192212",
        "cupy/cupy#7267",
        "cupy/cupy#10303",
        "huggingface/candle#3894",
        "ggml-org/llama.cpp#15956",
        "NVIDIA/cutlass#1323",
    ),
)
def test_views(conv: Subject, problem: Problem, seed: int) -> None:
    """One operator and a layout for each operand, by the seed."""
    random = np.random.default_rng([seed, 32])
    operator = conv.operators[random.integers(len(conv.operators))]
    name = RESULTS[operator]
    o = exact.operands(problem, seed, conv.format, operators=(operator,))
    contiguous = [getattr(o, operand) for operand in OPERANDS[operator]]
    result = conv.call(operator, contiguous[0], contiguous[1], problem)
    kept = result.copy()

    layouts = [list(LAYOUTS)[random.integers(len(LAYOUTS))] for _ in range(2)]
    views = [LAYOUTS[layout](array) for layout, array in zip(layouts, contiguous, strict=True)]
    try:
        again = conv.call(operator, views[0], views[1], problem, copy=False, may_refuse=True)
    except Refused as refusal:
        # The contract wants it taken, but nobody gets a wrong result.
        only_if(not str(refusal), f"refuses what is not contiguous: {refusal}")
        raise LawBroken(f"{operator} refused its operands without a reason") from refusal
    described = " and ".join(f"{o} {layout}" for o, layout in zip(OPERANDS[operator], layouts, strict=True))
    equal(again, kept, name, f"contiguous operands instead of {described}")
    for operand, view in zip(OPERANDS[operator], views, strict=True):
        if np.may_share_memory(again, view) and np.shares_memory(again, view):
            raise LawBroken(f"{name} shares memory with its operand {operand}")
    if again.size and np.shares_memory(again, result):
        raise LawBroken(f"{name} shares memory with the result of the call before")

    # Other values, the same shapes: the results from before must stay.
    other = exact.operands(problem, seed + 1, conv.format, operators=(operator,))
    first, second = (getattr(other, operand) for operand in OPERANDS[operator])
    conv.call(operator, first, second, problem)
    identical(result, kept, name, "after another call")
    identical(again, kept, name, "after another call")
