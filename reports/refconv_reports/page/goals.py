"""What the kernels are meant to reach on a GPU, and by how much a run falls short."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from refconv.problem import Problem
from refconv_reports.page import duels
from refconv_reports.page.blocks import Block, Cell, Table, ratio
from refconv_reports.page.roofline import fraction
from refconv_reports.page.schema import Layer
from refconv_reports.page.stored import Run

CUDNN, IM2COL = "torch-cudnn", "cublas-im2col"


@dataclass(frozen=True)
class Goal:
    """A geometric mean, over layers, of our fastest kernels. against: a peer, or None for the memory roofline."""

    says: str
    dtypes: tuple[str, ...]
    operators: tuple[str, ...]
    against: str | None
    least: float


TENSOR_CORES = ("tf32", "float16", "bfloat16")
ALL = ("forward", "grad_input", "grad_weight")
GOALS = (
    Goal("float32 forward, to cuDNN", ("float32",), ("forward",), CUDNN, 0.85),
    Goal("float32 grad_input, to cuDNN", ("float32",), ("grad_input",), CUDNN, 0.8),
    Goal("float32 grad_weight, to cuDNN", ("float32",), ("grad_weight",), CUDNN, 0.75),
    *(Goal(f"{dtype}, to cuDNN", (dtype,), ALL, CUDNN, 0.5) for dtype in TENSOR_CORES),
    Goal("bfloat16, to explicit im2col and cuBLAS", ("bfloat16",), ALL, IM2COL, 2.0),
    Goal("depthwise float32, of the memory roofline", ("float32",), ALL, None, 0.8),
)


def goals(runs: Sequence[Run]) -> list[Block]:
    """The table, of one machine's newest runs; nothing for a CPU, or where no goal can be judged."""
    if runs[-1].machine.device != "gpu":
        return []
    rows = []
    for goal in GOALS:
        reached = measured(goal, runs)
        if reached is None:
            rows.append(
                [Cell(goal.says), _value(goal.least), Cell("-", number=True), Cell("not measured", tone="quiet")]
            )
            continue
        met = reached >= goal.least
        verdict = Cell("met", tone="good") if met else Cell(_short(goal.least - reached), tone="bad")
        rows.append([Cell(goal.says), _value(goal.least), _value(reached), verdict])
    if all(row[3].text == "not measured" for row in rows):
        return []
    caption = "The goals: geometric means over the layers, of the fastest of our kernels for each layer"
    return [Table(caption, ["goal", "at least", "measured", "verdict"], rows)]


def _value(value: float) -> Cell:
    return Cell(ratio(value), number=True)


def _short(gap: float) -> str:
    return f"short by {gap:.2f}" if gap >= 0.005 else "short by less than 0.01"


def measured(goal: Goal, runs: Sequence[Run]) -> float | None:
    """What the newest run that timed the goal's dtype reaches, or None."""
    values: list[float] = []
    for dtype in goal.dtypes:
        subject = duels.Subject("ours", dtype)
        run = duels.newest(runs, subject)
        if run is None:
            continue
        ours = [layer for layer in duels.fastest(duels.own(run, subject)) if layer.operator in goal.operators]
        if goal.against is not None:
            values += [duel.ratio for duel in duels.duels(ours, run, goal.against)]
        elif run.machine.bandwidth and run.machine.peak and dtype in run.machine.peak:
            peak, bandwidth = run.machine.peak[dtype], run.machine.bandwidth
            values += [fraction(layer, peak, bandwidth) for layer in ours if _memory_bound(layer, peak, bandwidth)]
    return statistics.geometric_mean(values) if values else None


def _memory_bound(layer: Layer, peak: float, bandwidth: float) -> bool:
    """Depthwise, and limited by memory."""
    problem = Problem.parse(layer.problem)
    return 1 < problem.groups == problem.c_in and layer.intensity < peak / bandwidth
