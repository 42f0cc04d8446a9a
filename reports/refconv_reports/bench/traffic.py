"""How much work a convolution is, and the least time that it could take: a simple roofline.

The operands are read once and the result is written once, at least, and each product of the dense index sum is a
multiplication and an addition, also where it falls into the padding. Both are the same for every implementation, so
that rates can be compared; one that multiplies less (Winograd, FFT) may pass the roof.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from refconv.formats import format_of
from refconv.problem import OPERANDS, Operator, Problem
from refconv_reports.bench.peaks import Peaks


@dataclass(frozen=True)
class Work:
    """flop: of the dense index sum; bytes: operands read once and the result written once; read: the operands' part."""

    flop: int
    bytes: int
    read: int


def work(problem: Problem, operator: Operator, dtype: str) -> Work:
    """The work of one operator. dtype: by name."""
    shapes = {"x": problem.x_shape, "w": problem.w_shape, "gy": problem.y_shape}
    itemsize = format_of(dtype).itemsize
    read = itemsize * sum(math.prod(shapes[name]) for name in OPERANDS[operator])
    return Work(2 * problem.multiplications, read + itemsize * math.prod(problem.result_shape(operator)), read)


def least_seconds(what: Work, dtype: str, peaks: Peaks | None) -> float | None:
    """The roofline: the longer of computing and moving, None where the peak of this dtype is unknown."""
    if peaks is None or dtype not in peaks.flops:
        return None
    return max(what.flop / peaks.flops[dtype], what.bytes / peaks.bandwidth)


def figures(what: Work, dtype: str, seconds: float, peaks: Peaks | None) -> dict[str, Any]:
    """The figures of one duration, as ``extra_info`` has them."""
    least = least_seconds(what, dtype, peaks)
    return {
        "gflop": what.flop / 1e9,
        "gbyte": what.bytes / 1e9,
        "tflops": what.flop / seconds / 1e12,
        "gbs": what.bytes / seconds / 1e9,
        "roofline_s": least,
        "roofline_fraction": None if least is None else least / seconds,
    }
