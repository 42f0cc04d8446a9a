"""One command for a machine with a GPU: everything that only a GPU can tell, and one archive to bring home.

    python reports/on_gpu.py [--budget SECONDS] [--step NAME]... [--out FOLDER] [--archive FILE]

From a bare checkout, without a network, on Python 3.11 or later with NumPy, CuPy, pytest and Hypothesis; the bench
suite also wants PyTorch, pytest-benchmark and rich. Each step has processes, a log and a time box of its own, and is
tried also where another has failed. ``--device simulator`` rehearses all of it without a GPU.

Exit status: 0 all that ran is right; 1 something is wrong; 2 a step could not run, or there is no GPU; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from gpu_run import checkout
from gpu_run.steps import COULD_NOT, RIGHT, STEPS, WRONG, Machine, Outcome, Step

BUDGET = 840.0  # seconds
RESERVE = 10.0  # of them for the archive
ANSWER = 120.0  # seconds for CuPy to say whether there is a GPU: the first process on a machine loads everything
WORDS = {RIGHT: "right", WRONG: "WRONG", COULD_NOT: "could not run"}
INTERRUPTED = 130


@dataclass
class Done:
    """A step that has run: what became of it, in how many seconds, of how many."""

    step: str
    verdict: str
    seconds: float
    box: float
    told: str
    status: int


def main() -> int:
    """Runs the command; returns its exit status."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    until = started + options.budget - min(RESERVE, options.budget / 10)
    with tempfile.TemporaryDirectory(prefix="refconv-on-gpu-") as metadata:
        environment = checkout.environment(Path(metadata))
        if options.device == "gpu" and (reason := _no_gpu(environment)):
            print(f"on_gpu: NOTHING RAN ON A GPU: {reason}", file=sys.stderr)
            return RIGHT if options.if_any else COULD_NOT
        folder = options.out / f"refconv-{options.device}-{time.strftime('%Y%m%d-%H%M%S')}"
        archive = options.archive or Path(f"{folder}.tar.gz")
        try:
            (folder / "logs").mkdir(parents=True)
            archive.parent.mkdir(parents=True, exist_ok=True)
            done, interrupted = _steps(options, Machine(options.device, folder, environment), archive, until)
        except OSError as error:
            print(f"on_gpu: cannot write {error.filename or folder}: {error.strerror}", file=sys.stderr)
            return COULD_NOT
    print(f"{_table(done)}\n{time.monotonic() - started:.0f} s; all results and logs: {archive}")
    if interrupted:
        return INTERRUPTED
    statuses = {each.status for each in done}
    return next((status for status in (WRONG, COULD_NOT) if status in statuses), RIGHT)


def _steps(options: argparse.Namespace, machine: Machine, archive: Path, until: float) -> tuple[list[Done], bool]:
    """Runs what is wanted; after each step the archive holds all that there is. True: it was interrupted."""
    wanted = [step for step in STEPS if not options.step or step.name in options.step]
    done: list[Done] = []
    for number, step in enumerate(wanted):
        left = until - time.monotonic()
        box = max(1.0, left * step.weight / sum(later.weight for later in wanted[number:]))
        machine.label = f"[{number + 1}/{len(wanted)}] {step.name}"
        machine.log = machine.folder / "logs" / f"{step.name}.log"
        print(f"{machine.label}: {step.what}, {box:.0f} s", file=sys.stderr, flush=True)
        started = time.monotonic()
        interrupted = False
        try:
            outcome = _attempt(step, machine, box)
        except KeyboardInterrupt:
            outcome, interrupted = Outcome(COULD_NOT, "interrupted"), True
        verdict = WORDS[outcome.status] + (", cut short" if outcome.late else "")
        done.append(Done(step.name, verdict, time.monotonic() - started, box, outcome.told, outcome.status))
        print(f"{machine.label}: {verdict} after {done[-1].seconds:.0f} s: {outcome.told}", file=sys.stderr, flush=True)
        _pack(machine.folder, archive, done)
        if interrupted:
            return done, True
    return done, False


def _attempt(step: Step, machine: Machine, box: float) -> Outcome:
    """The step; a fault of its own is no reason not to try the next."""
    try:
        return step.run(machine, box)
    except OSError:
        raise
    except Exception as error:
        return Outcome(COULD_NOT, f"{type(error).__name__}: {error}")


def _pack(folder: Path, archive: Path, done: list[Done]) -> None:
    """One file with all results and logs. The old one stays until the new one is whole."""
    (folder / "summary.json").write_text(json.dumps([asdict(each) for each in done], indent=1) + "\n")
    (folder / "summary.txt").write_text(_table(done) + "\n")
    new = archive.with_name(f"{archive.name}.new")
    with tarfile.open(new, "w:gz") as tar:
        tar.add(folder, folder.name)
    new.replace(archive)


def _table(done: list[Done]) -> str:
    rows = [("step", "verdict", "seconds", "of", "")]
    rows += [(each.step, each.verdict, f"{each.seconds:.0f}", f"{each.box:.0f}", each.told) for each in done]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"{step:{widths[0]}}  {verdict:{widths[1]}}  {seconds:>{widths[2]}}  {box:>{widths[3]}}  {told}".rstrip()
        for step, verdict, seconds, box, told in rows
    )


def _no_gpu(environment: dict[str, str]) -> str:
    """Why there is no GPU to run on, or an empty string. Asked in another process: this one needs no CUDA context."""
    ask = "from refconv_cuda import cupy_wheels; print(cupy_wheels.unavailable() or '')"
    command = [sys.executable, "-c", ask]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=ANSWER)
    except subprocess.TimeoutExpired:
        return f"CuPy has not answered for {ANSWER:.0f} s"
    return (
        done.stdout.strip() if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    )


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    width = shutil.get_terminal_size().columns
    parser = argparse.ArgumentParser(
        prog="on_gpu.py",
        description=(__doc__ or "").split("\n")[0],
        epilog="steps: " + "; ".join(f"{step.name}, {step.what}" for step in STEPS),
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=width),
    )
    parser.add_argument(
        "--budget", type=_seconds, default=BUDGET, metavar="SECONDS", help=f"for all steps (default {BUDGET:.0f})"
    )
    parser.add_argument(
        "--step", action="append", default=[], choices=[step.name for step in STEPS], help="only this; may be repeated"
    )
    parser.add_argument(
        "--device", choices=("gpu", "simulator"), default="gpu", help="simulator: a rehearsal without a GPU"
    )
    parser.add_argument(
        "--out", type=Path, default=checkout.ROOT / "build/on_gpu", metavar="FOLDER", help="where results and logs go"
    )
    parser.add_argument("--archive", type=Path, metavar="FILE", help="the archive (default: in that folder)")
    parser.add_argument("--if-any", action="store_true", help="exit status 0 where there is no GPU")
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of seconds above 0")
    return seconds


if __name__ == "__main__":
    raise SystemExit(main())
