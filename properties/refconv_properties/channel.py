"""How the processes of one `refconv check` share the laws and tell what they are doing.

A folder holds, per process, a file of events (one JSON object a line) and a status of fixed size that is
overwritten in place before each call of an operator: it is what remains when a process dies or hangs in one. An empty
file per law says that some process has claimed it; creating it is atomic, so nothing else needs a lock.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from refconv.problem import Problem

if TYPE_CHECKING:
    from refconv_properties.report import Result, Run
    from refconv_properties.search import Searching

STATUS_BYTES = 1024


@dataclass(frozen=True)
class Status:
    """What a process is doing: a test, the example it is at, and, since when, which operator is running."""

    test: str = ""
    examples: int = 0
    problem: str = ""
    seed: int = 0
    operator: str | None = None  # or "supports"
    since: float = 0.0  # time.monotonic(), which is the same clock in all processes


class Channel:
    """The end of a process that runs laws."""

    def __init__(self, folder: Path) -> None:
        self._claims = folder / "claims"
        self._claims.mkdir(exist_ok=True)
        self._events = (folder / f"events-{os.getpid()}.jsonl").open("a", buffering=1)
        self._status = os.open(folder / f"status-{os.getpid()}", os.O_CREAT | os.O_WRONLY, 0o600)
        self._now = Status()

    def collected(self, tests: dict[str, tuple[Run, str]]) -> None:
        """Tells which tests there are, and the run and law of each."""
        self._tell("collected", tests={test: {"run": asdict(run), "law": law} for test, (run, law) in tests.items()})

    def error(self, message: str) -> None:
        """Tells why nothing can be run."""
        self._tell("error", message=message)

    def claim(self, test: str) -> bool:
        """Whether this process is the one to run ``test``."""
        try:
            os.close(os.open(self._claims / hashlib.sha256(test.encode()).hexdigest(), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        self._tell("claimed", test=test)
        return True

    def watch(self, test: str, searching: Searching) -> None:
        """Keeps the status up to date while ``searching`` runs."""

        def on_example(problem: Problem, seed: int) -> None:
            self._write(Status(test, searching.examples, str(problem), seed))

        def on_call(operator: str | None) -> None:
            now = self._now
            self._write(Status(now.test, now.examples, now.problem, now.seed, operator, time.monotonic()))

        searching.on_example = on_example

        def on_lost(reason: str) -> NoReturn:
            self._tell("lost", reason=reason)
            os._exit(0)  # the call is not over: whoever listens knows what was running

        searching.conv.on_call = on_call
        searching.conv.on_lost = on_lost

    def finished(self, test: str, result: Result) -> None:
        """Tells a law's result."""
        self._write(Status())
        self._tell("finished", test=test, result=result.dumps())

    def _tell(self, event: str, **details: Any) -> None:
        self._events.write(json.dumps({"event": event, **details}) + "\n")

    def _write(self, status: Status) -> None:
        self._now = status
        text = json.dumps(list(status.__dict__.values()))
        os.pwrite(self._status, text.ljust(STATUS_BYTES).encode(), 0)


class Listener:
    """The other end, for one process: its new events, and its status."""

    def __init__(self, folder: Path, pid: int) -> None:
        self._events = folder / f"events-{pid}.jsonl"
        self._status = folder / f"status-{pid}"
        self._read = 0

    def events(self) -> list[dict[str, Any]]:
        """The events since the last call; a line that is still being written waits for the next."""
        if not self._events.exists():
            return []
        with self._events.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return [json.loads(line) for line in whole.splitlines()]

    def status(self) -> Status:
        """What the process is doing, or was when it died."""
        try:
            return Status(*json.loads(self._status.read_bytes()))
        except (OSError, ValueError):  # not there yet, or caught in the middle of a write
            return Status()
