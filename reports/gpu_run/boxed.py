"""One command in a time box: its output in a log, its progress on standard error."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

GRACE = 15.0  # seconds for a command to keep what it has, once it was told to end
HEARTBEAT = 30.0  # seconds between two lines where there is no terminal


@dataclass(frozen=True)
class Ran:
    """status: the exit status, -N for signal N. late: it was told to end because its time was over."""

    status: int
    seconds: float
    late: bool


def run(command: Sequence[str], log: Path, *, seconds: float, environment: dict[str, str], label: str) -> Ran:
    """Runs it, and tells it to end, as Ctrl-C would, when ``seconds`` are over; after `GRACE` it and its children die.

    The log is appended to. ``KeyboardInterrupt`` ends it likewise, and goes on. Raises ``OSError``.
    """
    started = time.monotonic()
    late = False
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        try:
            late = not _wait(process, started + seconds, _Progress(label, seconds, log))
            if late:
                _end(process)
        except BaseException:
            _end(process)
            raise
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it has left behind
    return Ran(process.wait(), time.monotonic() - started, late)


def _wait(process: subprocess.Popen[bytes], until: float, progress: _Progress) -> bool:
    """Whether it ended in time."""
    while True:
        try:
            process.wait(min(1.0, max(0.0, until - time.monotonic())))
        except subprocess.TimeoutExpired:
            if time.monotonic() >= until:
                return False
            progress.show()
        else:
            return True
        finally:
            progress.clear()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


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
