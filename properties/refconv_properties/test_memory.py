"""Laws of memory: a result depends on its operands, and on nothing that happened before or lies beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from refconv import rounding
from refconv.operands import Array
from refconv.problem import OPERANDS, RESULTS, Problem
from refconv_cuda.simulator import schedule
from refconv_properties import walls
from refconv_properties.broken import identical
from refconv_properties.geometry import exchanged
from refconv_properties.laws import law
from refconv_properties.subject import Subject

POISONS = (schedule.POISON, 0x41414141)  # a NaN, and about 12: garbage that shows, and garbage that looks right


@law(
    "fresh-memory",
    "whatever memory held before: the same result; whatever lies beside an operand: untouched",
    kills="elements that are never written, workspaces that are not cleared, writes beside an array",
    trust="the formula reads its operands and nothing else",
    seen=(
        "ROCm/rocm-libraries#4611",
        "Tencent/ncnn#6766",
        "ggml-org/ggml#274",
        "pytorch/pytorch#189667",
        "FluxML/NNlib.jl#44",
    ),
)
def test_fresh_memory(conv: Subject, problem: Problem, seed: int) -> None:
    """On a device of ours fresh memory holds poison, and the simulator checks every access; elsewhere freed arrays of
    the result's size are full of it. One operator an example, by the seed.
    """
    operands = rounding.operands(problem, seed, conv.format)
    operator = conv.one_of(seed)
    first, second = (getattr(operands, name) for name in OPERANDS[operator])
    results = []
    for poison in POISONS:
        walled = [walls.walled(first, poison), walls.walled(second, poison)]
        _leave_garbage(problem.result_shape(operator), conv.dtype, poison)
        with schedule.checked(), schedule.scheduled(replace(schedule.current(), poison=poison)):
            results.append(conv.call(operator, walled[0][1], walled[1][1], problem, copy=False))
        for name, (wall, _) in zip(OPERANDS[operator], walled, strict=True):
            walls.assert_stands(operator, name, wall, poison)
    identical(results[1], results[0], RESULTS[operator], f"when fresh memory holds {POISONS[1]:#x}")


@law(
    "repeat",
    "the same call twice gives the same bits, also with other values or another problem in between",
    kills="state carried from call to call, sums whose order varies, uninitialised reads",
    trust="the formula has no memory; an implementation chooses the order of its sums, but once",
    seen=("soumith/cudnn.torch#274", "pytorch/xla#1017", "pytorch/pytorch#24341", "uxlfoundation/oneDNN#6035"),
)
def test_repeat(conv: Subject, problem: Problem, seed: int) -> None:
    """One operator an example, by the seed."""
    operator = conv.one_of(seed)
    other = exchanged(problem)
    other = other.replace(batch=problem.batch + 1)

    def call(with_problem: Problem, with_seed: int) -> Array:
        operands = rounding.operands(with_problem, with_seed, conv.format)
        first, second = (getattr(operands, name) for name in OPERANDS[operator])
        return conv.call(operator, first, second, with_problem)

    result = call(problem, seed)
    identical(call(problem, seed), result, RESULTS[operator], "at the second call")
    for what, between in (("other values", (problem, seed + 1)), (str(other), (other, seed))):
        call(*between)
        identical(call(problem, seed), result, RESULTS[operator], f"after a call with {what}")


def _leave_garbage(shape: tuple[int, ...], dtype: np.dtype[np.generic], poison: int) -> None:
    """Frees some arrays full of poison, for the allocator to hand out again: NumPy keeps small blocks by size."""
    for array in [np.empty(shape, dtype) for _ in range(4)]:
        walls.fill(array, poison)
