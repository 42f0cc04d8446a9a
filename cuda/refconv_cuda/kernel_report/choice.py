"""`refconv kernels --choose`: which kernel a problem gets, and why, as a table for each operator."""

from __future__ import annotations

from collections.abc import Iterator

from refconv.problem import OPERATORS, Problem
from refconv_cuda.choose import Candidate
from refconv_cuda.launchers.auto import Auto
from refconv_cuda.launchers.work import least_elements

COLUMNS = ("kernel", "modelled", "limited by", "useful", "blocks", "how")


def told(auto: Auto, problem: Problem, dtype: str) -> Iterator[str]:
    """The lines: each operator's candidates, the chosen one first, those that cannot last with their reasons."""
    yield (
        f"{problem} in {dtype}: {problem.multiplications:,} multiply-adds an operator, "
        f"{least_elements(problem):,} elements in X, W and Y"
    )
    for operator in OPERATORS:
        found = auto.candidates(operator, problem, dtype)
        able = [candidate for candidate in found if candidate.work is not None]
        yield ""
        yield f"{operator}: {able[0].implementation.name if able else 'none of the kernels can'}"
        rows = [COLUMNS, *(_row(candidate, problem) for candidate in able)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        for row in rows if able else []:
            yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        refusals: dict[str, list[str]] = {}
        for candidate in found:
            if candidate.refusal:
                refusals.setdefault(candidate.refusal, []).append(candidate.implementation.name)
        yield from (f"  not {', '.join(names)}: {why}" for why, names in refusals.items())


def _row(candidate: Candidate, problem: Problem) -> tuple[str, ...]:
    work = candidate.work
    assert work is not None
    useful = problem.multiplications / work.multiply_adds if work.multiply_adds else 1.0
    return (
        candidate.implementation.name,
        _time(candidate.seconds),
        candidate.limit,
        f"{min(useful, 1):.0%}",
        f"{work.blocks:,}",
        work.note,
    )


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} us"
