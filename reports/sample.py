"""The problems that the benchmarks run on: what the property suite draws, always the same ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import Phase, given, settings

from refconv import Problem, exact, windows
from refconv.operands import Array
from refconv_properties import strategies


@dataclass(frozen=True)
class Example:
    """A problem with operands, a seed, and the right answer."""

    problem: Problem
    seed: int
    operands: exact.Operands
    y: Array


def examples(count: int) -> list[Example]:
    """The first ``count`` that Hypothesis draws, in float32."""
    drawn: list[Example] = []

    @settings(max_examples=count, database=None, deadline=None, derandomize=True, phases=[Phase.generate])
    @given(problem=strategies.problems(), seed=strategies.seeds())
    def draw(problem: Problem, seed: int) -> None:
        operands = exact.operands(problem, seed, np.float32, operators=("forward",))
        drawn.append(Example(problem, seed, operands, windows.forward(operands.x, operands.w, problem)))

    draw()
    return drawn
