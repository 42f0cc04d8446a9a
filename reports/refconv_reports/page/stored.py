"""The stored JSON, read and checked: results of ``refconv bench``, and reports of other commands.

A file is recognised by what is in it, not by its name. Whatever is wrong with one is said with its name and the place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from refconv.problem import Problem
from refconv_cuda.kernel_report import figures
from refconv_reports.page.schema import (
    KINDS,
    Benchmark,
    Certified,
    Check,
    Commit,
    File,
    Finding,
    Kernels,
    Layer,
    Machine,
    Result,
)

Kind = TypeVar("Kind")


class InputError(ValueError):
    """A file cannot be read, or is not what it must be; the message names it."""


@dataclass(frozen=True)
class Run:
    """One run of the benchmarks on one machine. notes: sentences from a text file beside it, a paragraph each."""

    path: Path
    machine: Machine
    when: datetime
    commit: Commit
    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()

    def of(self, kind: type[Kind]) -> list[Kind]:
        """The results of a kind."""
        return [result for result in self.results if isinstance(result, kind)]

    @property
    def day(self) -> str:
        """As 2026-11-28."""
        return f"{self.when:%Y-%m-%d}"

    @property
    def version(self) -> str:
        """The commit in short, with + where files differed from it."""
        return (self.commit.id[:8] or "unversioned") + "+" * self.commit.dirty


@dataclass(frozen=True)
class Stored:
    """All that the report is made from, each kind oldest first."""

    runs: tuple[Run, ...] = ()
    checks: tuple[Check, ...] = ()
    certified: tuple[Certified, ...] = ()
    findings: tuple[tuple[str, Finding], ...] = ()
    kernels: tuple[figures.Report, ...] = ()

    @property
    def machines(self) -> list[list[Run]]:
        """The runs of each machine, oldest first. GPUs come before CPUs."""
        found: dict[tuple[object, ...], list[Run]] = {}
        for run in sorted(self.runs, key=lambda run: (run.machine.identity, run.when)):
            found.setdefault(run.machine.identity, []).append(run)
        return [*found.values()]


def default_paths(folder: Path) -> list[Path]:
    """The files that are committed below ``reports/``. Raises `InputError` if there is none."""
    patterns = ("results/*.json", "checks/*.json", "findings.json", "kernels/*.json")
    paths = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    if not paths:
        raise InputError(f"there is nothing to report below {folder}/: name the files, or run this in a checkout")
    return paths


def read(paths: Iterable[Path]) -> Stored:
    """All files; one that is named twice is read once. Raises `InputError`."""
    runs: list[Run] = []
    checks: list[Check] = []
    certified: list[Certified] = []
    findings: dict[str, Finding] = {}
    kernels: list[figures.Report] = []
    for path in {path.resolve(): path for path in paths}.values():
        raw, data = _json(path)
        if "benchmarks" in data:
            runs.append(_run(path, raw))
        elif "nvrtc" in data:
            kernels.append(_kernels(path, raw))
        elif "runs" in data:
            checks.append(_decoded(path, raw, Check))
        elif "layers" in data:
            certified.append(_decoded(path, raw, Certified))
        elif data and all(isinstance(value, dict) and "implementation" in value for value in data.values()):
            findings |= _decoded(path, raw, dict[str, Finding])
        else:
            raise InputError(
                f"{path} is JSON, but none that a report is made from: results of refconv bench, reports of refconv "
                "check, certify or kernels --json, or reports/findings.json"
            )
    _one_machine_a_key(runs)
    kernels.sort(key=lambda report: [int(part) for part in report.nvrtc.split(".")])
    runs.sort(key=lambda run: run.when)
    return Stored(tuple(runs), tuple(checks), tuple(certified), tuple(findings.items()), tuple(kernels))


def _json(path: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    data = _decoded(path, raw, object)
    if not isinstance(data, dict):
        raise InputError(f"{path} must hold a JSON object, not {type(data).__name__}")
    return raw, data


def _decoded(path: Path, raw: bytes, kind: Any) -> Any:
    """What ``raw`` says, as a ``kind``; NaN and infinities are no JSON, and refused."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: {error}") from None


def _run(path: Path, raw: bytes) -> Run:
    file = _decoded(path, raw, File)
    results = tuple(_result(path, benchmark) for benchmark in file.benchmarks if _is_ours(benchmark))
    when = file.datetime if file.datetime.tzinfo else file.datetime.replace(tzinfo=UTC)
    run = Run(path, file.machine_info.refconv, when.astimezone(UTC), file.commit_info, results, _notes(path))
    _agree(run)
    return run


def _is_ours(benchmark: Benchmark) -> bool:
    """Other benchmarks may share the file; those without a kind say nothing that this page shows."""
    return "kind" in benchmark.extra_info


def _result(path: Path, benchmark: Benchmark) -> Result:
    kind = benchmark.extra_info["kind"]
    if kind not in KINDS:
        raise InputError(f"{path}, {benchmark.name}: extra_info has kind {kind!r}, must be one of {', '.join(KINDS)}")
    try:
        result: Result = msgspec.convert(benchmark.extra_info, Result)
        if isinstance(result, Layer):
            Problem.parse(result.problem)
            if not result.certified and (result.role != "peer" or not result.inexact):
                raise ValueError("a result that is not certified must be a peer's, and say what is inexact")
    except (msgspec.ValidationError, ValueError) as error:
        raise InputError(f"{path}, {benchmark.name}: {error}") from None
    if isinstance(result, Layer):
        return msgspec.structs.replace(result, seconds=benchmark.stats.median)
    return result


def _notes(path: Path) -> tuple[str, ...]:
    """What was written down about a run by hand, in a .txt beside it: what a profiler named as a cause, say."""
    try:
        text = path.with_suffix(".txt").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path.with_suffix('.txt')}: {error}") from None
    return tuple(" ".join(part.split()) for part in text.split("\n\n") if part.strip())


def _agree(run: Run) -> None:
    """Refuses a stored ratio that the stored times contradict by more than rounding."""
    layers = run.of(Layer)
    best: dict[tuple[Any, ...], float] = {}
    for layer in layers:
        key = (*layer.case, layer.implementation)
        best[key] = min(layer.seconds, best.get(key, layer.seconds))
    for layer in layers:
        if layer.peer is None or layer.peer_ratio is None:
            continue
        peer = best.get((*layer.case, layer.peer))
        told = f"{run.path}: {layer.implementation} on {layer.layer}, {layer.operator}, {layer.dtype}"
        if peer is None:
            raise InputError(f"{told}, is compared with {layer.peer}, which this run has not timed")
        if not abs(peer / layer.seconds / layer.peer_ratio - 1) <= 0.01:
            raise InputError(
                f"{told}, has peer_ratio {layer.peer_ratio}, but its medians say {peer / layer.seconds:.4g}"
            )


def _kernels(path: Path, raw: bytes) -> figures.Report:
    report = _decoded(path, raw, Kernels)
    for name, kernel in report.kernels.items():
        for architecture, value in kernel.on.items():
            if isinstance(value, str) and isinstance(kernel.on.get(value, ""), str):
                raise InputError(f"{path}: {name} on {architecture} is as on {value!r}, which has no figures")
    try:
        return figures.read(path)
    except ValueError as error:
        raise InputError(str(error)) from None


def _one_machine_a_key(runs: Iterable[Run]) -> None:
    """Figures of different machines are never compared, so one name must not stand for two."""
    first: dict[str, Run] = {}
    for run in runs:
        other = first.setdefault(run.machine.key, run)
        if run.machine.identity != other.machine.identity:
            raise InputError(
                f"{other.path} and {run.path} both call their machine {run.machine.machine!r}, but it is "
                f"{_told(other.machine)} in one and {_told(run.machine)} in the other"
            )


def _told(machine: Machine) -> str:
    capability = f" of compute capability {machine.compute_capability}" if machine.compute_capability else ""
    return f"{machine.gpu or machine.cpu}{capability}"


def common(values: Iterable[str | None]) -> str | None:
    """The most frequent of the values that are there; of several, the first."""
    counted = Counter(value for value in values if value is not None)
    return counted.most_common(1)[0][0] if counted else None
