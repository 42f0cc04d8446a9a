"""What a run of the suite found, as JSON and as a table."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

import refconv
from refconv.implementation import Implementation
from refconv.problem import Problem
from refconv_properties.geometry import CELLS
from refconv_properties.search import Counterexample, Outcome

STYLES = {"held": "green", "broken": "bold red", "skipped": "dim", "vacuous": "yellow", "not offered": "yellow"}


@dataclass(frozen=True)
class Run:
    """One implementation, on one device, in one dtype."""

    implementation: str
    device: str
    dtype: str
    spec: str

    @classmethod
    def of(cls, implementation: Implementation, dtype: str) -> Run:
        """The run of an implementation in a dtype."""
        return cls(implementation.name, implementation.device, dtype, implementation.spec)

    def __str__(self) -> str:
        return f"{self.implementation} on {self.device}, {self.dtype}"


@dataclass(frozen=True)
class Result:
    """What became of one law in one run."""

    run: Run
    outcome: Outcome

    def dumps(self) -> str:
        """As one line, for another process."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, line: str) -> Result:
        """The inverse of `dumps`."""
        data = json.loads(line)
        outcome = data["outcome"]
        if outcome["counterexample"] is not None:
            outcome["counterexample"] = Counterexample(**outcome["counterexample"])
        return cls(Run(**data["run"]), Outcome(**outcome))


def verdict(outcomes: Iterable[Outcome]) -> str:
    """``broken`` if any law is; ``not offered`` if none could be tried; else ``held``."""
    verdicts = {outcome.verdict for outcome in outcomes}
    if "broken" in verdicts:
        return "broken"
    return "held" if "held" in verdicts else "not offered"


def by_run(results: Iterable[Result]) -> dict[Run, list[Outcome]]:
    """The outcomes of each run, in the order in which they came."""
    runs: dict[Run, list[Outcome]] = {}
    for result in results:
        runs.setdefault(result.run, []).append(result.outcome)
    return runs


def as_json(results: Iterable[Result], *, seed: int | None) -> dict[str, Any]:
    """The report that ``--json`` writes. seed: None where each example has its own. Seconds are to the millisecond."""
    runs = [
        {
            "implementation": run.implementation,
            "spec": run.spec,
            "device": run.device,
            "dtype": run.dtype,
            "verdict": verdict(outcomes),
            "vacuous": sum(outcome.verdict == "vacuous" for outcome in outcomes),
            "coverage": coverage_of(outcomes),
            "laws": [
                {
                    "law": outcome.law,
                    "verdict": outcome.verdict,
                    "examples": outcome.examples,
                    "rejected": outcome.rejected,
                    "seconds": round(outcome.seconds, 3),
                    "reason": outcome.reason,
                    "counterexample": asdict(outcome.counterexample) if outcome.counterexample else None,
                }
                for outcome in outcomes
            ],
        }
        for run, outcomes in by_run(results).items()
    ]
    return {"version": refconv.__version__, "seed": seed, "runs": runs}


def coverage_of(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many examples of a run lay in each geometry cell, also in none."""
    counts = dict.fromkeys(CELLS, 0)
    for outcome in outcomes:
        for cell, count in outcome.cells.items():
            counts[cell] += count
    return counts


def rendered(
    results: list[Result], *, width: int, colour: bool, coverage: bool = False, encoding: str = "utf-8"
) -> str:
    """The report as text: the counterexamples, then the table, then one line to remember.

    coverage: with a table of the geometry cells. encoding: of where it goes; all of the text can be written there.
    """
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


def counterexample_text(result: Result) -> str:
    """A broken law in a few lines: what, on which problem, the first wrong element, and how to see it again."""
    found = result.outcome.counterexample
    assert found is not None
    lines = [f"{result.run}: {result.outcome.law} is broken", f"  on {found.problem}, seed {found.seed}"]
    lines += [f"  {sentence}" for sentence in found.explanation]
    lines += [f"  again: {found.command}", f"  as an example: {found.example}"]
    return "\n".join(lines)


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


def _table(results: list[Result]) -> Table:
    """One row a law, one column a run."""
    runs = by_run(results)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("law")
    for run in runs:
        table.add_column(Text(f"{run.implementation}\n{run.device}\n{run.dtype}"), justify="right")
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
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("examples in geometry cell")
    for run in runs:
        table.add_column(Text(f"{run.implementation}\n{run.device}\n{run.dtype}"), justify="right")
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
    runs = by_run(results)
    counts = dict.fromkeys(("held", "broken", "not offered"), 0)
    for outcomes in runs.values():
        counts[verdict(outcomes)] += 1
    examples = sum(result.outcome.examples for result in results)
    laws = sum(result.outcome.verdict in ("held", "broken") for result in results)
    text = Text("\n")
    if counts["broken"]:
        broken = [result for result in results if result.outcome.verdict == "broken"]
        text.append(f"BROKEN: {len(broken)} of {laws} laws tried", style=STYLES["broken"])
    elif counts["held"]:
        text.append(f"held: all {laws} laws tried", style=STYLES["held"])
    else:
        text.append("nothing was tested", style=STYLES["not offered"])
    text.append(f", in {len(runs)} run{'s' if len(runs) != 1 else ''} and {examples} examples")
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
