"""What a run of the suite found, as tables, by rich."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from refconv.problem import Problem
from refconv_properties.geometry import CELLS
from refconv_properties.report import Result, Run, by_run, counterexample_text, coverage_of, summary, verdict
from refconv_properties.search import Outcome

STYLES = {"held": "green", "broken": "bold red", "skipped": "dim", "vacuous": "yellow", "not offered": "yellow"}


def rendered(
    results: list[Result], *, width: int, colour: bool, coverage: bool = False, encoding: str = "utf-8"
) -> str:
    """`refconv_properties.report.rendered`, which has the same arguments."""
    # Not `Console.capture`, which flushes standard output, and its disk may be full.
    page = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace", newline="\n")
    console = Console(
        file=page, width=width, force_terminal=colour, no_color=not colour, highlight=False, legacy_windows=False
    )
    parts: list[RenderableType] = [*_counterexamples(results)]
    if coverage:
        parts += [_coverage(results), Text()]
    console.print(Group(*parts, _table(results), _summary(results)), soft_wrap=False)
    page.seek(0)
    text = page.read()
    return text if colour else "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _counterexamples(results: list[Result]) -> list[Text]:
    """For each run, the smallest counterexample in full, and the others more briefly."""
    texts = []
    for run in by_run(results):
        broken = [result for result in results if result.run == run and result.outcome.counterexample is not None]
        broken.sort(key=_size)
        for result in broken[:1]:
            first, *rest = counterexample_text(result).splitlines()
            texts.append(Text(first, style=STYLES["broken"]).append("".join(f"\n{line}" for line in rest), "default"))
        for result in broken[1:]:
            found = result.outcome.counterexample
            assert found is not None
            line = f"{result.outcome.law}: {found.explanation[0]}"
            texts.append(Text(line, style=STYLES["broken"]).append(f"\n  again: {found.command}", "default"))
        if broken:
            texts.append(Text())
    return texts


def _size(result: Result) -> tuple[int, int, str]:
    """How much work a counterexample is by hand."""
    assert result.outcome.counterexample is not None
    problem = Problem.parse(result.outcome.counterexample.problem)
    return problem.multiplications, len(str(problem)), str(problem)


def _with_a_column_each(runs: Iterable[Run], first: str) -> Table:
    """No rows yet: a column of that name, and one a run."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(first)
    for run in runs:
        table.add_column(Text(f"{run.implementation}\n{run.device}\n{run.dtype}"), justify="right")
    return table


def _table(results: list[Result]) -> Table:
    """One row a law, one column a run."""
    runs = by_run(results)
    table = _with_a_column_each(runs, "law")
    for name in dict.fromkeys(result.outcome.law for result in results):
        cells = []
        for outcomes in runs.values():
            outcome = next((outcome for outcome in outcomes if outcome.law == name), None)
            cells.append(_cell(outcome) if outcome else Text("-", style="dim"))
        table.add_row(name, *cells)
    table.add_section()
    verdicts = (verdict(outcomes) for outcomes in runs.values())
    table.add_row("verdict", *(Text(word, style=STYLES[word]) for word in verdicts))
    return table


def _coverage(results: list[Result]) -> Table:
    """One row a geometry cell, one column a run."""
    runs = by_run(results)
    table = _with_a_column_each(runs, "examples in geometry cell")
    counts = [coverage_of(outcomes) for outcomes in runs.values()]
    for cell in CELLS:
        row = [count[cell] for count in counts]
        table.add_row(cell, *(Text(str(number), style="" if number else STYLES["vacuous"]) for number in row))
    return table


def _cell(outcome: Outcome) -> Text:
    """``held 212``: the verdict and the number of examples."""
    text = Text(outcome.verdict, style=STYLES[outcome.verdict])
    if outcome.examples:
        text.append(f" {outcome.examples:>4}", style="dim")
    return text


def _summary(results: list[Result]) -> Text:
    verdicts = {verdict(outcomes) for outcomes in by_run(results).values()}
    style = next((STYLES[word] for word in ("broken", "held") if word in verdicts), STYLES["not offered"])
    told, comma, rest = summary(results).partition(",")
    text = Text("\n").append(told, style=style).append(comma + rest)
    reasons: dict[tuple[str, str], list[str]] = {}
    for result in results:
        if result.outcome.verdict in ("skipped", "vacuous") and result.outcome.reason:
            why = f"{result.outcome.verdict}, {result.run.implementation}: {result.outcome.reason}"
            laws_of = reasons.setdefault((result.outcome.verdict, why), [])
            if result.outcome.law not in laws_of:
                laws_of.append(result.outcome.law)
    for (verdict_, why), names in reasons.items():
        text.append(f"\n{why}: {', '.join(names)}", style=STYLES[verdict_])
    return text
