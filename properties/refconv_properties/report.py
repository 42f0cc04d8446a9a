"""What a run of the suite found, as JSON and as a table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import refconv
from refconv.implementation import Implementation
from refconv_properties.geometry import CELLS
from refconv_properties.search import Counterexample, Outcome


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
    Without rich there are no tables.
    """
    try:
        from refconv_properties import report_table
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "rich":
            raise
        return _plain(results).encode(encoding, "replace").decode(encoding)
    return report_table.rendered(results, width=width, colour=colour, coverage=coverage, encoding=encoding)


def summary(results: list[Result]) -> str:
    """How many laws held, or were broken, on how much."""
    runs = by_run(results)
    verdicts = [verdict(outcomes) for outcomes in runs.values()]
    laws = sum(result.outcome.verdict in ("held", "broken") for result in results)
    examples = sum(result.outcome.examples for result in results)
    told = "nothing was tested"
    if "broken" in verdicts:
        broken = sum(result.outcome.verdict == "broken" for result in results)
        told = f"BROKEN: {broken} of {laws} laws tried"
    elif "held" in verdicts:
        told = f"held: all {laws} laws tried"
    return f"{told}, in {len(runs)} run{'s' if len(runs) != 1 else ''} and {examples} examples"


def _plain(results: list[Result]) -> str:
    lines = [counterexample_text(result) for result in results if result.outcome.counterexample is not None]
    for run, outcomes in by_run(results).items():
        laws = [f"{outcome.law} {outcome.verdict} {outcome.examples or ''}".rstrip() for outcome in outcomes]
        lines.append(f"{run}: {verdict(outcomes)} ({', '.join(laws)})")
    lines += ["without rich there is no table: pip install rich", summary(results)]
    return "\n".join(lines) + "\n"


def counterexample_text(result: Result) -> str:
    """A broken law in a few lines: what, on which problem, the first wrong element, and how to see it again."""
    found = result.outcome.counterexample
    assert found is not None
    lines = [f"{result.run}: {result.outcome.law} is broken", f"  on {found.problem}, seed {found.seed}"]
    lines += [f"  {sentence}" for sentence in found.explanation]
    lines += [f"  again: {found.command}", f"  as an example: {found.example}"]
    return "\n".join(lines)
