"""The whole page, in its order: what is known and what is not, each machine by itself, then what needs no machine."""

from __future__ import annotations

from dataclasses import dataclass

from refconv_reports.page.blocks import Bullets, Code, Section, Table, Text, count, listed
from refconv_reports.page.certified import certified
from refconv_reports.page.compiled import compiled
from refconv_reports.page.machine import glance, inventory, machine, title_of
from refconv_reports.page.schema import Bug, Law, Layer, Simulator
from refconv_reports.page.stored import Stored
from refconv_reports.page.verdicts import columns, coverage, verdicts

ON_GPU = "python reports/on_gpu.py"
ON_CPU = "refconv bench --device cpu"
SUITE = "python -m pytest reports --benchmark-json reports/results/MACHINE-DATE.json"
CERTIFY = "refconv certify reports/layers.csv --impl auto --json reports/checks/certify.json"
CHECKS = "refconv check --json reports/checks/kernels.json"


@dataclass(frozen=True)
class Page:
    """What `refconv_reports.page.render` writes."""

    known: Bullets
    missing: Bullets
    glances: tuple[Table, ...]
    sections: tuple[Section, ...]


def page(stored: Stored) -> Page:
    """The page of what is stored; what is not is named, with the command that would store it."""
    machines = [machine(runs) for runs in stored.machines]
    glances = tuple(table for runs in stored.machines if (table := glance(runs)))
    others = [verdicts(stored), certified(stored), coverage(stored), compiled(stored)]
    sections = (*machines, *(section for section in others if section is not None))
    return Page(Bullets(_known(stored)), Bullets(_missing(stored)), glances, sections)


def _known(stored: Stored) -> list[tuple[str, Text]]:
    known: list[tuple[str, Text]] = [(title_of(runs[-1]), inventory(runs)) for runs in stored.machines]
    every = columns(stored)
    if every:
        ours = [run for check in stored.checks for run in check.runs]
        laws = [law for run in ours for law in run.laws if law.verdict in ("held", "broken")]
        broken = sum(law.verdict == "broken" for law in laws)
        if ours:
            told = f"all {len(laws)}" if not broken else f"{len(laws) - broken} of {len(laws)}"
            examples = f"{sum(law.examples for law in laws):,} examples"
            known.append(("Laws", f"In {count(len(ours), 'run')}, {told} laws tried hold, in {examples}."))
        others = [finding for _, finding in stored.findings if finding.laws]
        faulty = [finding for finding in others if any(law.verdict == "broken" for law in finding.laws)]
        if others:
            told = f"{count(len(others), 'release')} of other people's convolutions under the laws"
            known.append(("Frameworks", f"{told}; {len(faulty)} break some."))
    if stored.kernels:
        newest = stored.kernels[-1]
        told = (
            f"{count(len(newest.kernels), 'kernel')} compiled under {count(len(stored.kernels), 'CUDA version')}, "
            f"for {count(len({name for report in stored.kernels for name in report.architectures}), 'architecture')}."
        )
        known.append(("Compilers", told))
    return known


def _missing(stored: Stored) -> list[tuple[str, Text]]:
    missing: list[tuple[str, Text]] = []
    timed = {run.machine.device for run in stored.runs if run.of(Layer)}
    if "gpu" not in timed:
        told: Text = ("Nothing here says how fast the kernels are. On a machine with one: ", Code(ON_GPU), ".")
        missing.append(("No layers on a GPU", told))
    if "cpu" not in timed:
        missing.append(("No layers on a CPU", ("The formulas beside PyTorch and JAX: ", Code(ON_CPU), ".")))
    kinds = ((Simulator, "the simulator"), (Law, "the laws"), (Bug, "planted bugs"))
    unmeasured = [name for kind, name in kinds if not any(run.of(kind) for run in stored.runs)]
    if unmeasured:
        told = ("How long they take: ", Code(SUITE), ".")
        missing.append((f"No speed of {listed(unmeasured)}", told))
    if not any(run.coverage for check in stored.checks for run in check.runs):
        missing.append(("No check of our kernels", ("Laws and geometry: ", Code(CHECKS), ".")))
    if not stored.certified:
        missing.append(("No certificate of a layer", ("Layers of real size: ", Code(CERTIFY), ".")))
    if not stored.findings:
        missing.append(("No released framework", ("Under the laws: ", Code("python reports/findings.py"), ".")))
    if not stored.kernels:
        missing.append(("No compiler's figures", ("Registers and occupancy: ", Code("tox run -m cuda"), ".")))
    return missing
