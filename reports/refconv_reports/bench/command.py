"""``refconv bench``: pytest-benchmark's run of `test_layers`, with a choice of cases, progress and a table."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from refconv.implementation import ImplementationError
from refconv_cuda.device import DeviceMissing
from refconv_reports.bench import machine, plugin, results, table, test_layers
from refconv_reports.bench.choose import Case, NothingToMeasure, Wanted
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
    out, err = Console(highlight=False), Console(stderr=True, highlight=False)
    try:
        run, path, earlier = _prepared(request)
    except CannotRun as reason:
        err.print(f"refconv bench: {reason}", markup=False, soft_wrap=True)
        return 2
    for sentence in run.plan.left_out:
        err.print(f"left out: {sentence}", markup=False, soft_wrap=True)
    stored, interrupted = _measured(run, err)
    _say(run, err)
    status = 0
    if stored is not None:
        try:
            results.write(path, stored)
        except OSError as error:
            err.print(f"refconv bench: cannot write {path}: {error.strerror}", markup=False, soft_wrap=True)
            status = 2
        else:
            err.print(f"{len(run.measured)} of {len(run.cases)} cases, in {path}", markup=False, soft_wrap=True)
    if run.measured:
        _print(run, out, earlier)
    if interrupted:
        err.print("refconv bench: interrupted", markup=False)
        return INTERRUPTED
    if run.failed:
        return 1
    if not run.measured:
        err.print("refconv bench: nothing was measured", markup=False)
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


def _measured(run: Run, err: Console) -> tuple[dict[str, Any] | None, bool]:
    """pytest-benchmark's JSON, if anything was measured, and whether the run was interrupted."""
    with tempfile.TemporaryDirectory(prefix="refconv-bench-") as folder, _progress(run, err), _undisturbed():
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
        code = pytest.main(arguments, plugins=[plugin, _Given(run)])
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
        yield
    finally:
        signal.signal(signal.SIGTERM, terminated)
        del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        os.environ.update(before)


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _progress(run: Run, err: Console) -> Iterator[None]:
    """A bar on a terminal, a line for each cell elsewhere."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("", total=len(run.cases), completed=-1)
        told: set[tuple[str, ...]] = set()

        def on_case(case: Case) -> None:
            progress.update(task, advance=1, description=case.id)
            if not err.is_terminal and case.cell not in told:
                told.add(case.cell)
                err.print(f"{case.layer.name} {case.operator} {case.dtype} ...", markup=False)

        run.on_case = on_case
        yield


def _say(run: Run, err: Console) -> None:
    """What could not be measured, and what was wrong."""
    for reason in dict.fromkeys(reason for _, reason in run.refused):
        err.print(f"not measured: {reason}", markup=False, soft_wrap=True)
    if run.too_late:
        err.print(f"not measured: {run.too_late} cases, for which there was no time", markup=False)
    for case, told in run.failed:
        err.print(f"WRONG: {case.id}: {told}", markup=False, soft_wrap=True)


def _print(run: Run, out: Console, earlier: dict[tuple[str, ...], float] | None) -> None:
    """The table; nobody may read it to its end."""
    wide = out if out.is_terminal else Console(highlight=False, width=table.WIDE)
    table.printed(run.measured, wide, earlier)
    sys.stdout.flush()
