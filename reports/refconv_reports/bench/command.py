"""``refconv bench``: pytest-benchmark's run of `test_layers`, with a choice of cases, progress and a table."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from refconv.implementation import ImplementationError
from refconv_cuda.device import DeviceMissing
from refconv_reports.bench import machine, plugin, results, table, test_layers
from refconv_reports.bench.choose import Case, NothingToMeasure, Wanted
from refconv_reports.bench.kept import Keeper
from refconv_reports.bench.run import RUN, Run, found_device, prepared

INTERRUPTED = 130


class CannotRun(Exception):
    """The benchmark cannot run; the message says why."""


@dataclass(frozen=True)
class Request:
    """What to measure, and how: the options of `refconv bench`."""

    wanted: Wanted
    device: str = "auto"
    seconds: float | None = None
    out: Path | None = None
    compare: Path | None = None


def bench(request: Request) -> int:
    """Measures, prints the table to standard output, keeps the results, and returns the exit status.

    0: all results were right; 1: one was wrong, or its implementation failed; 2: it could not run, or nothing was
    measured; 130: interrupted, with what was measured so far kept.
    """
    try:
        return _bench(request)
    except CannotRun as reason:
        _tell(f"refconv bench: {reason}")
        return 2
    except KeyboardInterrupt:  # before there was anything to keep, or after it was kept
        _tell("refconv bench: interrupted")
        return INTERRUPTED


def _bench(request: Request) -> int:
    run, path, earlier = _prepared(request)
    for sentence in run.plan.left_out:
        _tell(f"left out: {sentence}")
    stored, interrupted = _measured(run, path)
    _say(run)
    status = 0
    if stored is not None:
        try:
            results.write(path, stored)
        except OSError as error:
            _tell(f"refconv bench: cannot write {path}: {error.strerror}")
            status = 2
        else:
            _tell(f"{len(run.measured)} of {len(run.cases)} cases, in {path}")
    if run.measured:
        try:
            table.printed(run.measured, earlier)
            sys.stdout.flush()
        except OSError as error:
            # Nobody reads on (head, less), or the disk is full. Python must not try again when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if not isinstance(error, BrokenPipeError):
                _tell(f"refconv bench: cannot write the table: {error.strerror}")
                status = 2
    if interrupted:
        _tell("refconv bench: interrupted")
        return INTERRUPTED
    if run.failed:
        return 1
    if not run.measured:
        _tell("refconv bench: nothing was measured")
        return 2
    return status


def _prepared(request: Request) -> tuple[Run, Path, dict[tuple[str, ...], float] | None]:
    """The run, where its results go, and the earlier medians; raises `CannotRun` before anything takes long."""
    try:
        device = found_device(request.device)
        here = machine.described(device)
        earlier = None if request.compare is None else results.medians(results.read(request.compare), here)
        path = request.out or results.free_name(results.FOLDER, here["machine"], date.today())
        run = prepared(request.wanted, device, seconds=request.seconds)
    except (DeviceMissing, ImplementationError, NothingToMeasure, results.CannotCompare, ValueError) as reason:
        raise CannotRun(str(reason)) from reason
    except OSError as error:
        raise CannotRun(f"cannot read {error.filename}: {error.strerror}") from error
    try:
        results.check_writable(path)
    except OSError as error:
        raise CannotRun(f"cannot write {path}: {error.strerror}") from error
    return run, path, earlier


def _measured(run: Run, path: Path) -> tuple[dict[str, Any] | None, bool]:
    """pytest-benchmark's JSON, if anything was measured, and whether the run was interrupted. path: see `Keeper`."""
    keeper = Keeper(run, path)
    with tempfile.TemporaryDirectory(prefix="refconv-bench-") as folder, _progress(run), _undisturbed(), keeper:
        stored = Path(folder, "results.json")
        arguments = [
            str(test_layers.__file__),
            "-c",
            os.devnull,
            f"--rootdir={Path(test_layers.__file__).parents[2]}",
            "--noconftest",
            "-s",
        ]
        arguments += ["-p", "no:cacheprovider", "-p", "no:terminal", "-p", "pytest_benchmark.plugin"]
        arguments += [f"--benchmark-json={stored}"]
        code = pytest.main(arguments, plugins=[plugin, _Given(run), keeper])
        found = results.read(stored) if stored.exists() else None
    return found, code == pytest.ExitCode.INTERRUPTED


class _Given:
    """Puts the run where `test_layers` looks for it."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[RUN] = self._run
        config.option.benchmark_quiet = True  # the table is ours


@contextmanager
def _undisturbed() -> Iterator[None]:
    """pytest without the plugins and options of the user's own tests; a polite end is an interruption, too."""
    before = {name: value for name, value in os.environ.items() if name.startswith("PYTEST_")}
    for name in before:
        del os.environ[name]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    terminated = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Not saving anything")  # where nothing was measured, we say so
            yield
    finally:
        signal.signal(signal.SIGTERM, terminated)
        del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        os.environ.update(before)


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _progress(run: Run) -> Iterator[None]:
    """A bar on a terminal, where rich is installed; a line for each cell elsewhere."""
    told: set[tuple[str, ...]] = set()

    def line(case: Case) -> None:
        if case.cell not in told:
            told.add(case.cell)
            _tell(f"{case.layer.name} {case.operator} {case.dtype} ...")

    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:
        run.on_case = line
        yield
        return
    err = Console(stderr=True, highlight=False)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("", total=len(run.cases), completed=-1)

        def bar(case: Case) -> None:
            progress.update(task, advance=1, description=case.id)

        run.on_case = bar if err.is_terminal else line
        yield


def _say(run: Run) -> None:
    """What could not be measured, and what was wrong."""
    for reason in dict.fromkeys(reason for _, reason in run.refused):
        _tell(f"not measured: {reason}")
    if run.too_late:
        why = "for which there was no time" if run.lost is None else f"because the GPU is lost since {run.lost}"
        _tell(f"not measured: {run.too_late} cases, {why}")
    for case, told in run.failed:
        _tell(f"WRONG: {case.id}: {told}")


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
