"""What a run has measured so far, written while it goes on, so that a process that is killed takes little of it along.

A kernel that does not end cannot be interrupted from within: the thread that waits for it hears no signal. So another
thread keeps an eye on the cases, and where one takes far too long, keeps what there is and ends the process.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from refconv_reports.bench import results
from refconv_reports.bench.run import Run

EVERY = 10.0  # seconds at least between two writes
SHARE = 0.02  # of the time, at most, goes into writing
HUNG = 120.0  # seconds of one case on a GPU, certificate, compilers and cuDNN's search for an algorithm included


class Keeper:
    """A pytest plugin that writes pytest-benchmark's JSON to ``path`` now and then, and so also before the run ends.

    As a context it watches a run on a GPU, and ends the process with status 1 where a case does not end.
    """

    def __init__(self, run: Run, path: Path) -> None:
        self._run, self._path = run, path
        self._session: Any = None
        self._around: dict[str, Any] = {}
        self._next = 0.0
        self._over = threading.Event()

    def __enter__(self) -> Keeper:
        if self._run.device == "gpu":
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """After each case."""
        started = time.monotonic()
        if started < self._next or not self._run.measured:
            return
        if self._session is None:
            self._session = item.config._benchmarksession  # type: ignore[attr-defined]
            commit = item.config.hook.pytest_benchmark_generate_commit_info(config=item.config)
            self._around = {"machine_info": self._session.get_machine_info(), "commit_info": commit}
        self._write()
        ended = time.monotonic()
        self._next = ended + max(EVERY, (ended - started) / SHARE)

    def _write(self) -> None:
        """Whatever there is. Where it cannot be written, the end of the run says so."""
        if self._session is None or (self._path.exists() and not self._path.is_file()):  # a pipe gets it once
            return
        config, found = self._session.config, list(self._session.benchmarks)
        generate = config.hook.pytest_benchmark_generate_json
        stored = generate(config=config, benchmarks=found, include_data=True, **self._around)
        with contextlib.suppress(OSError):
            results.write(self._path, json.loads(json.dumps(stored, default=str)))

    def _watch(self) -> None:
        while not self._over.wait(min(1.0, HUNG / 4)):
            running = self._run.running
            if running is None or time.monotonic() - running[1] < HUNG:
                continue
            self._write()
            told = (
                f"WRONG: {running[0].id} did not end within {HUNG:g} s, so this process ends; what was before it is in"
            )
            print(f"{told} {self._path}", file=sys.stderr, flush=True)
            os._exit(1)
