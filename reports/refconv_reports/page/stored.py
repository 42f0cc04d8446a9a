"""The stored JSON, read and checked: results of ``refconv bench``, and what check, kernels and findings.py keep.

A file is recognised by what is in it, not by its name. Whatever is wrong with one is said with its name and the place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from refconv.problem import Operator, Problem
from refconv_cuda.kernel_report import figures

Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=0)]
Name = Annotated[str, Meta(min_length=1)]
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Dtype = Literal["float64", "float32", "tf32", "float16", "bfloat16"]
Verdict = Literal["held", "broken", "skipped", "vacuous", "not offered"]
Kind = TypeVar("Kind")


class InputError(ValueError):
    """A file cannot be read, or is not what it must be; the message names it."""


class Machine(Struct, frozen=True, kw_only=True):
    """What a run was measured on: ``machine_info["refconv"]``.

    machine: its name in short, of the GPU where there is one. peak: FLOP/s by dtype, and bandwidth, bytes/s, by
    peak_source. note: what is to be known of the run, that others used the machine, say.
    """

    device: Literal["gpu", "cpu"]
    machine: Slug
    cpu: str
    cores: Count
    numpy: str | None = None
    refconv: str
    gpu: str | None = None
    compute_capability: str | None = None
    driver: str | None = None
    cuda: str | None = None
    cupy: str | None = None
    cudnn: str | None = None
    torch: str | None = None
    jax: str | None = None
    clocks_mhz: dict[str, float] | None = None
    peak: dict[str, Positive] | None = None
    bandwidth: Positive | None = None
    peak_source: str | None = None
    note: str | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """What must be alike for two runs to be comparable: a GPU by its model, a CPU by its cores as well."""
        model = (self.gpu, self.compute_capability) if self.device == "gpu" else (self.cpu, self.cores)
        return self.device != "gpu", self.machine, *map(str, model)

    @property
    def key(self) -> str:
        """For anchors and files, of each machine another."""
        return self.machine if self.device == "gpu" else f"{self.machine}-{self.cores}"


class Layer(Struct, frozen=True, kw_only=True, tag_field="kind", tag="layer"):
    """One implementation's time for one operator of a layer.

    Ours are certified to be exact; a peer's may be inexact, by another algorithm, and says where. scaled: how the layer
    was made smaller.

    gflop: of the dense sum; gbyte: operands read once and the result written once; roofline_s: the least time, of these
    two at the machine's peaks. seconds: the median, from the benchmark's own statistics.
    """

    layer: Name
    problem: Name
    operator: Operator
    dtype: Dtype
    implementation: Name
    role: Literal["ours", "peer", "oracle"]
    timer: str
    certified: bool
    gflop: Positive
    gbyte: Positive
    kernel: str | None = None
    tile: str | None = None
    tflops: Positive | None = None
    gbs: Positive | None = None
    roofline_s: Positive | None = None
    roofline_fraction: Positive | None = None
    peer: str | None = None
    peer_ratio: Positive | None = None
    settings: dict[str, Any] | None = None
    scaled: str = ""
    inexact: str | None = None
    seconds: float = 0

    @property
    def rate(self) -> float:
        """TFLOP/s of the dense sum."""
        return self.gflop / self.seconds / 1e3

    @property
    def intensity(self) -> float:
        """FLOP for each byte of the least traffic."""
        return self.gflop / self.gbyte

    @property
    def case(self) -> tuple[str, str, str, str]:
        """What must be alike for two times to be comparable: layer, problem, operator, dtype."""
        return self.layer, self.problem, self.operator, self.dtype


class Simulator(Struct, frozen=True, kw_only=True, tag_field="kind", tag="simulator"):
    """How many small problems a second the simulator runs, or how long one switch of threads takes."""

    implementation: Name
    checked: bool = False
    problems_per_second: Positive | None = None
    nanoseconds_per_switch: Positive | None = None


class Law(Struct, frozen=True, kw_only=True, tag_field="kind", tag="law"):
    """Examples a second of one law on one implementation."""

    law: Name
    implementation: Name
    dtype: Name
    examples: Count
    examples_per_second: Positive


class Bug(Struct, frozen=True, kw_only=True, tag_field="kind", tag="bug"):
    """How long a law takes to find a planted bug."""

    bug: Name
    law: Name
    examples: Count
    seconds: Annotated[float, Meta(ge=0)]


class Certificate(Struct, frozen=True, kw_only=True, tag_field="kind", tag="certificate"):
    """How many times faster a certificate is than the vectorised oracle."""

    layer: Name
    operator: Operator
    oracle_ratio: Positive


Result = Layer | Simulator | Law | Bug | Certificate
KINDS = ("layer", "simulator", "law", "bug", "certificate")


class Stats(Struct, frozen=True):
    """The statistics of a benchmark that are used here, seconds."""

    median: Positive


class Benchmark(Struct, frozen=True):
    """One benchmark, as pytest-benchmark writes it."""

    name: str
    stats: Stats
    extra_info: dict[str, Any]


class Commit(Struct, frozen=True):
    """What was measured."""

    id: str = "unversioned"
    dirty: bool = False


class _MachineInfo(Struct, frozen=True):
    refconv: Machine


class _File(Struct, frozen=True):
    machine_info: _MachineInfo
    benchmarks: list[Benchmark]
    datetime: datetime
    commit_info: Commit = Commit()


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


class CheckedLaw(Struct, frozen=True):
    """What became of one law in a run of ``refconv check``."""

    law: Name
    verdict: Verdict
    examples: Count = 0
    seconds: Annotated[float, Meta(ge=0)] = 0
    reason: str | None = None


class CheckedRun(Struct, frozen=True):
    """One implementation under the laws. coverage: examples in each geometry cell."""

    implementation: Name
    device: Name
    dtype: Name
    verdict: Verdict
    laws: list[CheckedLaw]
    coverage: dict[str, Count] = {}


class Check(Struct, frozen=True):
    """A report of ``refconv check --json``."""

    version: str
    seed: int
    runs: list[CheckedRun]


class FoundLaw(Struct, frozen=True):
    """One law on a released framework, in one dtype."""

    law: Name
    dtype: Name
    verdict: Verdict
    examples: Count = 0
    reason: str | None = None


class Finding(Struct, frozen=True):
    """A released framework under the laws, or why it was not to be had."""

    implementation: Name
    version: str = ""
    laws: list[FoundLaw] = []
    unavailable: str | None = None


class _Kernel(Struct, frozen=True):
    file: str
    threads: Count
    on: dict[str, figures.Figures | str]


class _Kernels(Struct, frozen=True):
    nvrtc: Annotated[str, Meta(pattern=r"^\d+\.\d+(\.\d+)*$")]
    architectures: list[Annotated[str, Meta(pattern=r"^sm_\d+[af]?$")]]
    kernels: dict[str, _Kernel]


@dataclass(frozen=True)
class Stored:
    """All that the report is made from, each kind oldest first."""

    runs: tuple[Run, ...] = ()
    checks: tuple[Check, ...] = ()
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
        elif data and all(isinstance(value, dict) and "implementation" in value for value in data.values()):
            findings |= _decoded(path, raw, dict[str, Finding])
        else:
            raise InputError(
                f"{path} is JSON, but none that a report is made from: results of refconv bench, reports of refconv "
                "check --json or refconv kernels --json, or reports/findings.json"
            )
    _one_machine_a_key(runs)
    kernels.sort(key=lambda report: [int(part) for part in report.nvrtc.split(".")])
    runs.sort(key=lambda run: run.when)
    return Stored(tuple(runs), tuple(checks), tuple(findings.items()), tuple(kernels))


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
    file = _decoded(path, raw, _File)
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
    except ValueError as error:
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
    report = _decoded(path, raw, _Kernels)
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
