"""Commands in a time box: their output in a log, their progress on standard error."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

GRACE = 15.0  # seconds for a command to keep what it has, once it was told to end
HEARTBEAT = 30.0  # seconds between two lines where there is no terminal


@dataclass(frozen=True)
class Ran:
    """One command. status: its exit status, -N for signal N. late: it was told to end because its time was over."""

    status: int
    seconds: float
    late: bool


def run(
    commands: Sequence[Sequence[str]], log: Path, *, seconds: float, environment: dict[str, str], label: str
) -> list[Ran]:
    """Runs them side by side, and tells those that still run when ``seconds`` are over to end, as Ctrl-C would.

    After `GRACE` they die, and with them what they have started. The log is appended to. ``KeyboardInterrupt`` ends
    them likewise, and goes on. Raises ``OSError``.
    """
    started = time.monotonic()
    processes: list[subprocess.Popen[bytes]] = []
    late: set[int] = set()
    with log.open("ab") as output:
        try:
            for command in commands:
                processes.append(_started(command, output, environment))
            late = _wait(processes, started + seconds, _Progress(label, seconds, log))
        finally:
            _end(processes)
    return [Ran(process.wait(), time.monotonic() - started, process.pid in late) for process in processes]


def _started(command: Sequence[str], output: IO[bytes], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
        preexec_fn=_told_when_parent_ends,
    )


def _told_when_parent_ends() -> None:
    """Asks Linux to interrupt this process when the run is killed: else it would keep the GPU unseen."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGINT)


def _wait(processes: list[subprocess.Popen[bytes]], until: float, progress: _Progress) -> set[int]:
    """Until all have ended, or the time is over: the ids of those that have not."""
    while running := {process.pid for process in processes if process.poll() is None}:
        left = until - time.monotonic()
        if left <= 0:
            break
        progress.show()
        with contextlib.suppress(subprocess.TimeoutExpired):
            next(process for process in processes if process.pid in running).wait(min(1.0, left))
        progress.clear()
    return running


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """Ends what still runs, and what any has left behind."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    until = time.monotonic() + GRACE
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, until - time.monotonic()))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


class _Progress:
    def __init__(self, label: str, seconds: float, log: Path) -> None:
        self._label, self._seconds, self._log = label, seconds, log
        self._started = self._told = time.monotonic()
        self._shown = False

    def show(self) -> None:
        now = time.monotonic()
        text = f"{self._label}: {now - self._started:.0f} of {self._seconds:.0f} s"
        if sys.stderr.isatty():
            print(f"\r{text}", end="", file=sys.stderr, flush=True)
            self._shown = True
        elif now - self._told >= HEARTBEAT:
            print(f"{text}: {last_line(self._log)}", file=sys.stderr, flush=True)
            self._told = now

    def clear(self) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = False


def last_line(log: Path) -> str:
    """The last line of a log that is not empty, or an empty string."""
    with contextlib.suppress(OSError):
        lines = log.read_bytes()[-4000:].decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
    return ""
