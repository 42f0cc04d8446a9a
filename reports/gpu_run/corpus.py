"""The sanitizer's corpus on this machine: what compute-sanitizer finds in it, beside what our simulator finds.

    python -m gpu_run.corpus gpu|simulator SECONDS FOLDER [TOOL/NAME...]

First the right twins by themselves, which must compute what their headers say. Then, where compute-sanitizer is
installed, the twins of each tool in one process, in which it must report nothing, and each faulty kernel in a process
of its own: a fault takes the CUDA context along. On the simulator, a rehearsal without a GPU, our checker takes
compute-sanitizer's place. Exit status: 0 every twin that ran is right and unreported, 1 one is not, 2 none could be
run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from corpus_files import BEYOND, PAIRS, TOOLS, Pair

from gpu_run import sanitizer

ONE_KERNEL = 60.0  # seconds
PROCESSES = min(8, len(os.sched_getaffinity(0)))  # each has a CUDA context of its own
NOT_ON_GPU = {
    "memcheck/endless_recursion": "its twin recurses deeper than a GPU's stack allows unasked",
    "memcheck/endless_loop": "no tool of compute-sanitizer ends a loop",
}


@dataclass
class Row:
    """A pair: what is said of its faulty kernel and of its right twin, where None is "not tried".

    simulator: what our checker finds. twin: what became of it by itself. sanitizer, twin_reported: compute-sanitizer's
    reports of the two. cuda: the error that the faulty kernel ended with. note: why something was not tried.
    """

    kernel: str
    simulator: str
    twin: str | None = None
    sanitizer: list[str] | None = None
    twin_reported: list[str] | None = None
    cuda: str | None = None
    note: str = ""


@dataclass
class Comparison:
    """The whole table. notes: what could not be done, and why."""

    rows: dict[str, Row]
    notes: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """A sentence for each twin that is not right, or was reported."""
        told = [f"the right twin of {row.kernel} is {row.twin}" for row in self.rows.values() if _is_wrong(row.twin)]
        return told + [
            f"compute-sanitizer reports the right twin of {row.kernel}: {row.twin_reported[0]}"
            for row in self.rows.values()
            if row.twin_reported
        ]

    @property
    def status(self) -> int:
        """The exit status."""
        if self.wrong:
            return 1
        return 0 if any(row.twin for row in self.rows.values()) else 2


def _is_wrong(twin: str | None) -> bool:
    return twin is not None and twin != "right"


def _name(pair: Pair) -> str:
    return f"{pair.tool}/{pair.name}"


def _expected(pair: Pair) -> str:
    """What the simulator finds: its tests hold it to that."""
    if _name(pair) in BEYOND:
        return "nothing"
    return f"{pair.kind}, {pair.name}.cu:{pair.here}" if pair.here else f"{pair.kind}"


class Runner:
    """Runs the corpus until the time is over."""

    def __init__(self, device: str, seconds: float, folder: Path, names: Sequence[str] = ()) -> None:
        self._device, self._until, self._folder = device, time.monotonic() + seconds, folder
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [pair for pair in PAIRS if not names or _name(pair) in names]
        self.comparison = Comparison({_name(pair): Row(_name(pair), _expected(pair)) for pair in wanted})
        excused = NOT_ON_GPU if device == "gpu" else {}
        for name in excused.keys() & self.comparison.rows.keys():
            self.comparison.rows[name].note = excused[name]
        self._pairs = [pair for pair in wanted if _name(pair) not in excused]

    def run(self) -> None:
        """Everything; the table fills as it goes."""
        pool = ThreadPoolExecutor(PROCESSES)
        try:
            self._run(pool)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # of an interrupted one, nothing new begins

    def _run(self, pool: ThreadPoolExecutor) -> None:
        list(pool.map(self._twins, TOOLS))
        binary = sanitizer.find()
        if self._device == "gpu" and binary is None:
            self.comparison.notes.append("compute-sanitizer is not installed: the faulty kernels were not run")
            return
        if self._device == "gpu" and not any(pool.map(lambda tool: self._twins_under(binary or "", tool), TOOLS)):
            return  # it does not work here, and has said why
        # One of each tool in turn: what the time does not reach is then spread over them.
        order = sorted(self._pairs, key=lambda pair: self._names(pair.tool).index(_name(pair)))
        list(pool.map(lambda pair: self._faulty(binary or "", pair), order))
        left = sum(row.sanitizer is None and not row.note for row in self.comparison.rows.values())
        if left:
            self.comparison.notes.append(f"{left} faulty kernels were not tried: the time was over")

    def _twins(self, tool: str) -> None:
        names = self._names(tool)
        while names and self._left() > 0:
            ran = self._launched([], "right", names, self._left() / 2)
            for name, outcome in ran.items():
                self.comparison.rows[name].twin = outcome
            # One that has cost its process the GPU was the last of it; one that did not end has not told of itself.
            names = names[len(ran) + (not _is_lost(ran)) :]

    def _twins_under(self, binary: str, tool: str) -> bool:
        """Whether the tool came to its end."""
        names = self._names(tool)
        if not names:
            return False
        file = self._folder / f"{tool}-right.log"
        prefix = sanitizer.command(binary, tool, file, [])
        ran = self._launched(prefix, "right", names, self._left())
        log = _read(file)
        if not log.finished:
            self.comparison.notes.append(f"compute-sanitizer --tool {tool} did not come to an end: {log.complaint}")
        for name in ran:
            # A report names the file that it is in, and each pair is one.
            said = [str(report) for report in log.reports if report.file == f"{name.partition('/')[2]}.cu"]
            self.comparison.rows[name].twin_reported = said
        if strangers := [str(report) for report in log.reports if report.file is None]:
            self.comparison.notes.append(f"{tool}, among the right twins, in no file: {strangers[0]}")
        return log.finished

    def _faulty(self, binary: str, pair: Pair) -> None:
        row, left = self.comparison.rows[_name(pair)], self._left()
        if left <= 0:
            return
        file = self._folder / f"{pair.tool}-{pair.name}.log"
        prefix = sanitizer.command(binary, pair.tool, file, []) if self._device == "gpu" else []
        ran = self._launched(prefix, "faulty", [row.kernel], min(left, ONE_KERNEL))
        outcome = ran.get(row.kernel)
        if self._device != "gpu":
            if outcome is not None:
                row.sanitizer = [outcome.removeprefix("found: ")] if outcome.startswith("found: ") else []
            return
        log = _read(file)
        row.cuda = outcome.removeprefix("raised: ") if outcome and outcome != "nothing" else None
        if log.reports or (log.finished and outcome):
            row.sanitizer = [str(report) for report in log.reports]
        else:
            row.note = log.complaint or "the process did not come to its end"

    def _names(self, tool: str) -> list[str]:
        return [_name(pair) for pair in self._pairs if pair.tool == tool]

    def _left(self) -> float:
        return self._until - time.monotonic()

    def _launched(self, prefix: list[str], kind: str, names: list[str], seconds: float) -> dict[str, str]:
        """What became of each kernel that was launched, by name."""
        command = [*prefix, sys.executable, "-m", "gpu_run.launch", self._device, kind, *names]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=max(1.0, seconds),
                check=False,
                stdin=subprocess.DEVNULL,
            )
            text, complaint = done.stdout, done.stderr.strip().splitlines()[-1:]
        except subprocess.TimeoutExpired as late:
            text, complaint = (late.stdout or b"").decode(errors="replace"), [f"not done within {seconds:.0f} s"]
        told = [json.loads(line) for line in text.splitlines() if line.startswith('{"kernel"')]
        ran = {entry["kernel"]: entry["outcome"] for entry in told}
        if len(ran) < len(names) and kind == "right" and not _is_lost(ran):
            missing = names[len(ran)]
            self.comparison.notes.append(f"the right twin of {missing} did not come to its end: {' '.join(complaint)}")
        return ran


def _is_lost(ran: dict[str, str]) -> bool:
    """Whether the last kernel of a process was one after which it could launch no other."""
    return bool(ran) and [*ran.values()][-1].startswith("raised")


def _read(file: Path) -> sanitizer.Log:
    return sanitizer.read(file.read_text(errors="replace") if file.exists() else "")


def table(comparison: Comparison, here: str) -> str:
    """One row a pair, and what the two have found in all. here: what ran."""
    rows = [("faulty kernel", here, "the simulator")]
    for row in comparison.rows.values():
        found = (
            row.sanitizer[0] if row.sanitizer else "nothing" if row.sanitizer is not None else row.note or "not tried"
        )
        rows.append((row.kernel, found, row.simulator))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = [f"{name:{widths[0]}}  {found:{widths[1]}}  {simulated}" for name, found, simulated in rows]
    tried = [row for row in comparison.rows.values() if row.sanitizer is not None]
    both = sum(bool(row.sanitizer) and row.simulator != "nothing" for row in tried)
    theirs = sum(bool(row.sanitizer) for row in tried)
    ours = sum(row.simulator != "nothing" for row in tried)
    right = sum(row.twin == "right" for row in comparison.rows.values())
    lines += ["", f"{right} of {len(comparison.rows)} right twins compute what their headers say"]
    lines.append(f"of {len(tried)} faulty kernels {here} found {theirs}, the simulator {ours}, both {both}")
    return "\n".join([*lines, *comparison.wrong, *comparison.notes])


def main() -> int:
    """Runs the command; also when it is interrupted, the table so far is kept."""
    device, seconds, folder, *names = sys.argv[1:]
    runner = Runner(device, float(seconds), Path(folder, "compute-sanitizer"), names)
    try:
        runner.run()
    except KeyboardInterrupt:
        runner.comparison.notes.append("interrupted")
    comparison = runner.comparison
    here = "compute-sanitizer" if device == "gpu" else "this rehearsal"
    report = {
        "sanitizer": sanitizer.find() if device == "gpu" else None,
        "notes": comparison.notes,
        "wrong": comparison.wrong,
        "pairs": [asdict(row) for row in comparison.rows.values()],
    }
    Path(folder, "corpus.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(table(comparison, here))
    return comparison.status


if __name__ == "__main__":
    raise SystemExit(main())
