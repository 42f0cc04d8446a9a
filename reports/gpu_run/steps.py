"""The steps of a run: what each executes, how it is judged, and its share of the time."""

from __future__ import annotations

import json
import re
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_run import boxed, checkout

OPERATORS = ("forward", "grad_input", "grad_weight")

RIGHT, WRONG, COULD_NOT = 0, 1, 2  # exit statuses, as everywhere in refconv
BENCH_SECONDS = 480.0  # at most, of the bench suite
MOST_TOLD = 300  # characters: a compiler says more, and all of it is in the log
# What a benchmark says of the case after which only a new process can go on; its layer is asked for.
LOST = (
    r"because the GPU is lost since (\S+)-(?:forward|grad_input|grad_weight)-\S+: ",
    r"^WRONG: (\S+)-(?:forward|grad_input|grad_weight)-\S+ did not end within",
)
OVERHEAD = 20.0  # seconds in which a command that watches its own time starts and ends
PASSES = {"gpu": (50, 400, 3000), "simulator": (3, 20, 200)}  # examples a law: few first, so that all have their turn
MEMORY = {"gpu": "16G", "simulator": "500K"}  # of a layer's arrays: the largest, at full size, takes 2 GB
FIRST = ("auto", "implicit-gemm-64")  # certified before the others: what people get, and the widest tile


@dataclass
class Outcome:
    """What became of a step. status: 0, 1 or 2; told: the main thing, in one line."""

    status: int
    told: str
    late: bool = False

    def __post_init__(self) -> None:
        line = self.told.partition("\n")[0]
        self.told = line if len(line) <= MOST_TOLD else f"{line[:MOST_TOLD]} ..."


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
        return self.python(seconds, ["-m", "refconv", *arguments])[0]

    def python(self, seconds: float, *commands: list[str]) -> list[boxed.Ran]:
        """Runs Python, once for each list of arguments and side by side, in a time box."""
        with self.log.open("a", encoding="utf-8") as log:
            log.writelines(f"+ {shlex.join([sys.executable, *arguments])}\n" for arguments in commands)
        given = [[sys.executable, *arguments] for arguments in commands]
        return boxed.run(given, self.log, seconds=seconds, environment=self.environment, label=self.label)


@dataclass(frozen=True)
class Step:
    """weight: its share of the time that is left, beside those of the steps that are still to come."""

    name: str
    what: str
    weight: float
    run: Callable[[Machine, float], Outcome]


def facts(machine: Machine, seconds: float) -> Outcome:
    """The machine's facts, as ``facts.json``."""
    [ran] = machine.python(seconds, ["-m", "gpu_run.facts", machine.device, str(machine.folder / "facts.json")])
    return Outcome(RIGHT if ran.status == 0 else COULD_NOT, boxed.last_line(machine.log), ran.late)


def check(machine: Machine, seconds: float) -> Outcome:
    """Every law on every kernel of ours in every dtype, on more and more examples while there is time."""
    until = time.monotonic() + seconds
    groups = _by_dtypes(machine)
    told: list[str] = []
    broken: list[str] = []
    failed: list[str] = []
    late = False
    for examples in PASSES[machine.device]:
        started = time.monotonic()
        held = 0
        for number, (dtypes, names) in enumerate(groups):
            file = machine.folder / f"check-{examples}-{number}.json"
            arguments = [word for name in names for word in ("--impl", name)]
            arguments += [word for dtype in dtypes for word in ("--dtype", dtype)]
            arguments += ["--device", machine.device, "--examples", str(examples), "--seed", str(examples)]
            # The first call loads CuPy and its kernels, when all processes do.
            arguments += ["--time-limit", "30", "--database", "none", "--json", str(file)]
            ran = machine.refconv((until - time.monotonic()) / (len(groups) - number), "check", *arguments)
            late = late or ran.late
            laws = [(run, law) for run in _json(file).get("runs", []) for law in run["laws"]]
            held += sum(law["verdict"] == "held" for _, law in laws)
            if ran.status not in (RIGHT, WRONG) and not ran.late:
                failed.append(f"{', '.join(names)}: {boxed.last_line(machine.log)}")
            worst = [(run, law) for run, law in laws if law["verdict"] == "broken"]
            broken += [f"{law['law']} on {run['implementation']} {run['dtype']}" for run, law in worst]
        if held:
            told.append(f"{held} held with {examples} examples")
        # The next pass takes several times as long; a part of it is worth having, a sliver is not.
        if broken or failed or late or not held or until - time.monotonic() < 2 * (time.monotonic() - started):
            break
    if broken:
        return Outcome(WRONG, f"broken: {', '.join(broken[:4])}{' ...' if len(broken) > 4 else ''}", late)
    if failed or not told:
        return Outcome(COULD_NOT, "; ".join(failed) or boxed.last_line(machine.log), late)
    left_out = {dtype for missing in _json(machine.folder / "unavailable.json").values() for dtype in missing}
    told += [f"some not in {', '.join(sorted(left_out))}"] if left_out else []
    return Outcome(RIGHT, "; ".join(told), late)


def corpus(machine: Machine, seconds: float) -> Outcome:
    """The sanitizer's corpus, under compute-sanitizer where there is one."""
    own = max(5.0, seconds - OVERHEAD)
    [ran] = machine.python(seconds, ["-m", "gpu_run.corpus", machine.device, str(own), str(machine.folder)])
    found = _json(machine.folder / "corpus.json")
    if not found:
        return Outcome(COULD_NOT, boxed.last_line(machine.log), ran.late)
    tried = [pair for pair in found["pairs"] if pair["sanitizer"] is not None]
    right = sum(pair["twin"] == "right" for pair in found["pairs"])
    told = [f"{right} twins right", f"{sum(bool(pair['sanitizer']) for pair in tried)} of {len(tried)} faults found"]
    status = ran.status if ran.status in (RIGHT, WRONG) else COULD_NOT
    return Outcome(status, "; ".join(found["wrong"][:1] or [*told, *found["notes"][:1]]), ran.late)


def certify(machine: Machine, seconds: float) -> Outcome:
    """Certificates for every layer of `reports/layers.csv`, one implementation after another while there is time.

    Drawing operands and adding up is the host's work, and takes most of the time: so the operators run side by side.
    """
    until = time.monotonic() + seconds
    table = str(checkout.ROOT / "reports/layers.csv")
    options = ["--device", machine.device, "--memory", MEMORY[machine.device], "--time-limit", "60", "--seed", "1"]
    told: list[str] = []
    failed: list[str] = []
    late = False
    for name in sorted(checkout.kernels(), key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name)):
        if late or (told and until - time.monotonic() < OVERHEAD):
            break
        files = {operator: machine.folder / f"certify-{name}-{operator}.json" for operator in OPERATORS}
        command = ["-m", "refconv", "certify", table, "--impl", name, *options]
        commands = [[*command, "--operator", operator, "--json", str(file)] for operator, file in files.items()]
        ran = machine.python(until - time.monotonic(), *commands)
        late = any(each.late for each in ran)
        rows = [row for file in files.values() for row in _json(file).get("layers", [])]
        broken = [f"{row['operator']} of {row['layer']}: {row['reason']}" for row in rows if row["verdict"] == "broken"]
        if broken or any(each.status == WRONG for each in ran):
            return Outcome(WRONG, f"{name}: {broken[0] if broken else boxed.last_line(machine.log)}", late)
        held = [row["layer"] for row in rows if row["verdict"] == "held"]
        if held:
            told.append(f"{name}: {len(held)} held on {len(set(held))} layers")
        elif not late:
            failed.append(f"{name}: {boxed.last_line(machine.log)}")
    status = COULD_NOT if failed or not told else RIGHT
    return Outcome(status, "; ".join([*failed, *told]) or boxed.last_line(machine.log), late)


def bench(machine: Machine, seconds: float) -> Outcome:
    """The bench suite; its results are renamed as `reports/results` wants them.

    A kernel that faults or does not end takes its process along; a new one begins behind its layer.
    """
    until = time.monotonic() + min(BENCH_SECONDS + OVERHEAD, seconds)
    cases, told, after = 0, "", ""
    while True:
        begun = machine.log.stat().st_size if machine.log.exists() else 0
        left = until - time.monotonic()
        file = machine.folder / "bench.json"
        options = ["--device", machine.device, "--seconds", f"{max(5.0, left - OVERHEAD):.0f}", "--out", str(file)]
        ran = machine.refconv(left, "bench", *options, *(("--after", after) if after else ()))
        cases += _stored(file)
        said = machine.log.read_bytes()[begun:].decode(errors="replace")
        told = told or next((line for line in said.splitlines() if line.startswith("WRONG: ")), "")
        lost = next((found[1] for each in LOST if (found := re.search(each, said, re.MULTILINE))), "")
        if not lost or until - time.monotonic() < 2 * OVERHEAD:
            break
        after = lost
    measured = f"{cases} cases measured"
    if told or ran.status == WRONG:
        return Outcome(WRONG, f"{told or boxed.last_line(machine.log)}; {measured}", ran.late)
    if ran.status in (RIGHT, COULD_NOT):
        return Outcome(ran.status, measured if ran.status == RIGHT else boxed.last_line(machine.log), ran.late)
    return Outcome(
        RIGHT if cases and ran.late else COULD_NOT, measured if cases else boxed.last_line(machine.log), ran.late
    )


def _stored(file: Path) -> int:
    """Gives the results of a benchmark the name that they go by; returns how many there are."""
    stored = _json(file)
    cases = len(stored.get("benchmarks", []))
    if cases:
        slug = stored.get("machine_info", {}).get("refconv", {}).get("machine", "machine")
        name, number = f"{slug}-{stored.get('datetime', '')[:10]}", 1
        while (named := file.with_name(f"{name}{'' if number == 1 else f'-{number}'}.json")).exists():
            number += 1
        file.rename(named)
    return cases


STEPS = (
    Step("facts", "the machine", 0.03, facts),
    Step("check", "the laws, on every kernel and dtype", 0.25, check),
    Step("corpus", "the sanitizer's corpus", 0.15, corpus),
    Step("certify", "certificates for all layers", 0.2, certify),
    Step("bench", "the bench suite", 0.4, bench),
)


def _by_dtypes(machine: Machine) -> list[tuple[tuple[str, ...], list[str]]]:
    """Our implementations, those with the same dtypes together; what cannot be had here is left out."""
    file, missing = machine.folder / "implementations.json", machine.folder / "unavailable.json"
    machine.refconv(60, "implementations", "--json", str(file))
    offered = {
        row["implementation"]: row["dtypes"]
        for row in _json(file).get("implementations", [])
        if row["implementation"] in checkout.kernels() and "dtypes" in row
    }
    machine.python(120, ["-m", "gpu_run.unavailable", machine.device, str(missing), *offered])
    unavailable = _json(missing)
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, names in offered.items():
        dtypes = tuple(dtype for dtype in names if dtype not in unavailable.get(name, {}))
        if dtypes:
            groups.setdefault(dtypes, []).append(name)
    return list(groups.items())


def _json(file: Path) -> dict[str, Any]:
    """What a command has written, or nothing."""
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found
