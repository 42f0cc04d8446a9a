"""The steps of a run: what each executes, how it is judged, and its share of the time."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_run import boxed, checkout

RIGHT, WRONG, COULD_NOT = 0, 1, 2  # exit statuses, as everywhere in refconv
BENCH_SECONDS = 480.0  # at most, of the bench suite
OVERHEAD = 20.0  # seconds in which a command that watches its own time starts and ends
PASSES = {"gpu": (200, 1000, 10_000), "simulator": (3, 20, 200)}  # examples a law
MEMORY = {"gpu": "48G", "simulator": "500K"}  # of a layer's arrays, at full size
FIRST = ("auto", "implicit-gemm-64")  # certified before the others: what people get, and the widest tile


@dataclass
class Outcome:
    """What became of a step. status: 0, 1 or 2; told: the main thing, for the table."""

    status: int
    told: str
    late: bool = False


@dataclass
class Machine:
    """Where it runs, and where to: `folder` for results, `log` for what the step's commands print."""

    device: str
    folder: Path
    environment: dict[str, str]
    label: str = ""
    log: Path = Path()

    def refconv(self, seconds: float, *arguments: str) -> boxed.Ran:
        """Runs a ``refconv`` command in a time box."""
        return self.python(seconds, "-m", "refconv", *arguments)

    def python(self, seconds: float, *arguments: str) -> boxed.Ran:
        """Runs Python in a time box."""
        command = [sys.executable, *arguments]
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"+ {' '.join(command)}\n")
        return boxed.run(command, self.log, seconds=seconds, environment=self.environment, label=self.label)


@dataclass(frozen=True)
class Step:
    """weight: its share of the time that is left, beside those of the steps that are still to come."""

    name: str
    what: str
    weight: float
    run: Callable[[Machine, float], Outcome]


def facts(machine: Machine, seconds: float) -> Outcome:
    """The machine's facts, as ``facts.json``."""
    ran = machine.python(seconds, "-m", "gpu_run.facts", machine.device, str(machine.folder / "facts.json"))
    return Outcome(RIGHT if ran.status == 0 else COULD_NOT, boxed.last_line(machine.log), ran.late)


def check(machine: Machine, seconds: float) -> Outcome:
    """Every law on every kernel of ours in every dtype, on more and more examples while there is time."""
    until = time.monotonic() + seconds
    told: list[str] = []
    status, late = COULD_NOT, False
    for examples in PASSES[machine.device]:
        started = time.monotonic()
        for number, (dtypes, names) in enumerate(_by_dtypes(machine)):
            file = machine.folder / f"check-{examples}-{number}.json"
            arguments = [word for name in names for word in ("--impl", name)]
            arguments += [word for dtype in dtypes for word in ("--dtype", dtype)]
            arguments += ["--device", machine.device, "--examples", str(examples), "--seed", str(examples)]
            ran = machine.refconv(
                until - time.monotonic(), "check", *arguments, "--json", str(file), "--database", "none"
            )
            late = late or ran.late
            runs = _json(file).get("runs", [])
            verdicts = [law["verdict"] for run in runs for law in run["laws"]]
            broken = [f"{law['law']} on {run['implementation']} {run['dtype']}" for run in runs for law in run["laws"]
                      if law["verdict"] == "broken"]  # fmt: skip
            if broken:
                return Outcome(WRONG, f"broken: {', '.join(broken[:4])}{' ...' if len(broken) > 4 else ''}", late)
            if verdicts.count("held"):
                told.append(f"{verdicts.count('held')} held with {examples} examples")
                status = RIGHT if status == COULD_NOT else status
            elif not ran.late:
                return Outcome(COULD_NOT, boxed.last_line(machine.log))
            if ran.late:
                return Outcome(status, "; ".join(told) or "no law came to its end", late)
        # The next pass takes several times as long; a part of it is worth having, a sliver is not.
        if until - time.monotonic() < 2 * (time.monotonic() - started):
            break
    return Outcome(status, "; ".join(told), late)


def corpus(machine: Machine, seconds: float) -> Outcome:
    """The sanitizer's corpus, under compute-sanitizer where there is one."""
    own = max(5.0, seconds - OVERHEAD)
    ran = machine.python(seconds, "-m", "gpu_run.corpus", machine.device, str(own), str(machine.folder))
    found = _json(machine.folder / "corpus.json")
    if not found:
        return Outcome(COULD_NOT, boxed.last_line(machine.log), ran.late)
    reported = [pair for pair in found["pairs"] if pair["sanitizer"] is not None]
    right = sum(pair["twin"] == "right" for pair in found["pairs"])
    told = [
        f"{right} twins right",
        f"{sum(bool(pair['sanitizer']) for pair in reported)} of {len(reported)} faults found",
    ]
    return Outcome(min(ran.status, COULD_NOT) if ran.status >= 0 else COULD_NOT,
                   "; ".join(found["wrong"][:1] or [*told, *found["notes"][:1]]), ran.late)  # fmt: skip


def certify(machine: Machine, seconds: float) -> Outcome:
    """Certificates for every layer of `reports/layers.csv`, one implementation after another while there is time."""
    until = time.monotonic() + seconds
    table = str(checkout.ROOT / "reports/layers.csv")
    names = sorted(checkout.kernels(), key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
    told: list[str] = []
    status, late = COULD_NOT, False
    for name in names:
        if until - time.monotonic() < OVERHEAD and told:
            break
        file = machine.folder / f"certify-{name}.json"
        options = ["--impl", name, "--device", machine.device, "--memory", MEMORY[machine.device], "--time-limit", "60"]
        ran = machine.refconv(until - time.monotonic(), "certify", table, *options, "--seed", "1", "--json", str(file))
        late = late or ran.late
        rows = _json(file).get("layers", [])
        broken = [row for row in rows if row["verdict"] == "broken"]
        if broken or ran.status == WRONG:
            why = f"{broken[0]['operator']} of {broken[0]['layer']}: {broken[0]['reason']}" if broken else ""
            return Outcome(WRONG, f"{name}: {why or boxed.last_line(machine.log)}", late)
        held = sum(row["verdict"] == "held" for row in rows)
        if held:
            status = RIGHT
            told.append(f"{name}: {held} held on {len({row['layer'] for row in rows})} layers")
        elif not told:
            told.append(f"{name}: {boxed.last_line(machine.log)}")
        if ran.late:
            break
    return Outcome(status, "; ".join(told), late)


def bench(machine: Machine, seconds: float) -> Outcome:
    """The bench suite; its results are renamed as `reports/results` wants them."""
    own = max(5.0, min(BENCH_SECONDS, seconds - OVERHEAD))
    file = machine.folder / "bench.json"
    options = ["--device", machine.device, "--seconds", f"{own:.0f}", "--out", str(file)]
    ran = machine.refconv(seconds, "bench", *options)
    stored = _json(file)
    cases = len(stored.get("benchmarks", []))
    if cases:
        slug = stored.get("machine_info", {}).get("refconv", {}).get("machine", "machine")
        file.rename(machine.folder / f"{slug}-{stored.get('datetime', '')[:10]}.json")
    told = f"{cases} cases measured" if cases else boxed.last_line(machine.log)
    if ran.status in (RIGHT, WRONG, COULD_NOT):
        return Outcome(ran.status, told if ran.status == RIGHT else boxed.last_line(machine.log), ran.late)
    return Outcome(RIGHT if cases and ran.late else COULD_NOT, told, ran.late)


STEPS = (
    Step("facts", "the machine", 0.03, facts),
    Step("check", "the laws, on every kernel and dtype", 0.25, check),
    Step("corpus", "the sanitizer's corpus", 0.15, corpus),
    Step("certify", "certificates for all layers", 0.2, certify),
    Step("bench", "the bench suite", 0.4, bench),
)


def _by_dtypes(machine: Machine) -> list[tuple[tuple[str, ...], list[str]]]:
    """Our implementations, those with the same dtypes together; a dtype that needs a missing package is left out."""
    file = machine.folder / "implementations.json"
    machine.refconv(60, "implementations", "--json", str(file))
    groups: dict[tuple[str, ...], list[str]] = {}
    missing = () if _has_bfloat16(machine) else ("bfloat16",)
    for row in _json(file).get("implementations", []):
        if row["implementation"] in checkout.kernels() and "dtypes" in row:
            dtypes = tuple(dtype for dtype in row["dtypes"] if dtype not in missing)
            groups.setdefault(dtypes, []).append(row["implementation"])
    return list(groups.items())


def _has_bfloat16(machine: Machine) -> bool:
    return machine.python(60, "-c", "import ml_dtypes").status == 0


def _json(file: Path) -> dict[str, Any]:
    """What a command has written, or nothing."""
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found
