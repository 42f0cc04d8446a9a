"""The law of limits: large in one direction, an implementation is right, or says clearly that it refuses."""

from __future__ import annotations

import numpy as np

from refconv import exact, windows
from refconv.problem import OPERANDS, RESULTS, Problem
from refconv_properties.broken import LawBroken, equal
from refconv_properties.laws import law
from refconv_properties.subject import Refused, Subject

# Past 65,535 in one direction each, where a grid's y and z end and 16-bit numbers overflow; cheap in all the others.
LIMITS = tuple(
    Problem.parse(text)
    for text in (
        "b65537h1w1i1o1k1",
        "b1h65537w1i1o1k1",
        "b1h1w65537i1o1k1",
        "b1h1w1i65537o1k1",
        "b1h1w1i1o65537k1",
        "b1h1w65539i1o1k1x2d1x65537",
    )
)


@law(
    "limits",
    "past 65,535 images, rows, columns or channels, or a dilation of as much: right, or refused with a reason",
    kills="grids whose y or z ends at 65,535, indices of 16 bits, loops that stop early",
    trust="the vectorised sums are held to the literal ones; a refusal is right when it says why",
    seen=(
        "ml-explore/mlx#3893",
        "ml-explore/mlx#3143",
        "ROCm/MIOpen#3099",
        "ROCm/rocm-libraries#4611",
        "tensorflow/tensorflow#112776",
    ),
    reference=True,
    problems=LIMITS,
)
def test_limits(conv: Subject, problem: Problem, seed: int) -> None:
    o = exact.operands(problem, seed, conv.format, operators=conv.operators)
    for operator in conv.operators:
        first, second = (getattr(o, name) for name in OPERANDS[operator])
        try:
            result = conv.call(operator, first, second, problem, may_refuse=True)
        except Refused as refusal:
            if not str(refusal).strip():
                raise LawBroken(f"{operator} refused {problem} without a reason") from refusal
            continue
        expected = getattr(windows, operator)(first, second, problem)
        equal(result, np.asarray(expected), RESULTS[operator], "the vectorised index sum")
