"""Laws of memory: a result depends on its operands, and on nothing that happened before or lies beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from refconv import rounding
from refconv.operands import Array
from refconv.problem import Problem
from refconv_cuda.simulator import schedule
from refconv_properties.broken import LawBroken, element, identical
from refconv_properties.geometry import exchanged
from refconv_properties.laws import law
from refconv_properties.subject import OPERANDS, RESULTS, Subject

POISONS = (schedule.POISON, 0x41414141)  # a NaN, and about 12: garbage that shows, and garbage that looks right
MARGIN = 64  # elements of canary on either side of an operand


@law(
    "fresh-memory",
    "whatever memory held before: the same result; whatever lies beside an operand: untouched",
    kills="elements that are never written, workspaces that are not cleared, writes beside an array",
)
def test_fresh_memory(conv: Subject, problem: Problem, seed: int) -> None:
    """On a device of ours fresh memory holds poison, and the simulator checks every access; elsewhere freed arrays of
    the result's size are full of it.
    """
    operands = rounding.operands(problem, seed, conv.dtype)
    for operator in conv.operators:
        first, second = (getattr(operands, name) for name in OPERANDS[operator])
        results = []
        for poison in POISONS:
            walled = [_walled(first, poison), _walled(second, poison)]
            _leave_garbage(problem.result_shape(operator), conv.dtype, poison)
            with schedule.checked(), schedule.scheduled(replace(schedule.current(), poison=poison)):
                results.append(conv.call(operator, walled[0][1], walled[1][1], problem, copy=False))
            for name, (wall, _) in zip(OPERANDS[operator], walled, strict=True):
                _assert_wall_stands(operator, name, wall, poison)
        identical(results[1], results[0], RESULTS[operator], f"when fresh memory holds {POISONS[1]:#x}")


@law(
    "repeat",
    "the same call twice gives the same bits, also with another problem in between",
    kills="state carried from call to call, sums whose order varies, uninitialised reads",
)
def test_repeat(conv: Subject, problem: Problem, seed: int) -> None:
    other = exchanged(problem)
    other = other.replace(batch=problem.batch + 1)
    operands, between = (rounding.operands(p, seed, conv.dtype) for p in (problem, other))
    for operator in conv.operators:
        first, second = (getattr(operands, name) for name in OPERANDS[operator])
        result = conv.call(operator, first, second, problem)
        identical(conv.call(operator, first, second, problem), result, RESULTS[operator], "at the second call")
        first_between, second_between = (getattr(between, name) for name in OPERANDS[operator])
        conv.call(operator, first_between, second_between, other)
        again = conv.call(operator, first, second, problem)
        identical(again, result, RESULTS[operator], f"after a call with {other}")


def _walled(values: Array, poison: int) -> tuple[Array, Array]:
    """A wall of poison, and a contiguous copy of ``values`` in its middle."""
    wall = np.empty(values.size + 2 * MARGIN, values.dtype)
    _fill(wall, poison)
    inside = wall[MARGIN : MARGIN + values.size].reshape(values.shape)
    inside[...] = values
    return wall, inside


def _assert_wall_stands(operator: str, name: str, wall: Array, poison: int) -> None:
    intact = np.empty(MARGIN, wall.dtype)
    _fill(intact, poison)
    for side, offset in ((wall[:MARGIN], -MARGIN), (wall[-MARGIN:], wall.size - 2 * MARGIN)):
        changed = np.flatnonzero((side.view(np.uint8) != intact.view(np.uint8)).reshape(MARGIN, -1).any(axis=1))
        if changed.size:
            raise LawBroken(
                f"{operator} wrote beside its operand: {element(name, (int(changed[0]) + offset,))} changed"
            )


def _leave_garbage(shape: tuple[int, ...], dtype: np.dtype[np.generic], poison: int) -> None:
    """Frees some arrays full of poison, for the allocator to hand out again: NumPy keeps small blocks by size."""
    for array in [np.empty(shape, dtype) for _ in range(4)]:
        _fill(array, poison)


def _fill(array: Array, poison: int) -> None:
    """Fills an array with the pattern of four bytes."""
    data = array.reshape(-1).view(np.uint8)
    data[:] = np.resize(np.frombuffer(poison.to_bytes(4, "little"), np.uint8), data.size)
