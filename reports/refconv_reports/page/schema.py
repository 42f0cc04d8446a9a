"""What stored JSON must look like: results of ``refconv bench``, and reports of other commands.

pytest-benchmark's files have many more fields; what is not named here is not looked at.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from refconv.problem import Operator
from refconv_cuda.kernel_report import figures

Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=0)]
Name = Annotated[str, Meta(min_length=1)]
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Dtype = Literal["float64", "float32", "tf32", "float16", "bfloat16"]
Verdict = Literal["held", "broken", "skipped", "vacuous", "not offered"]


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


class MachineInfo(Struct, frozen=True):
    """What pytest-benchmark says of a machine, and we besides."""

    refconv: Machine


class File(Struct, frozen=True):
    """A whole file of pytest-benchmark's."""

    machine_info: MachineInfo
    benchmarks: list[Benchmark]
    datetime: datetime
    commit_info: Commit = Commit()


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
    seed: int | None
    runs: list[CheckedRun]


class CertifiedLayer(Struct, frozen=True):
    """What became of one operator on one layer of real size. probability: that a wrong result would have passed."""

    layer: Name
    operator: Operator
    verdict: Literal["held", "broken", "skipped"]
    reason: str = ""
    probability: Annotated[float, Meta(ge=0, le=1)] = 1
    scaled: str = ""


class Certified(Struct, frozen=True):
    """A report of ``refconv certify --json``."""

    version: str
    implementation: Name
    device: Name
    dtype: Name
    layers: list[CertifiedLayer]


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


class Kernel(Struct, frozen=True):
    """A kernel in a report of ``refconv kernels``; an architecture's name stands for its figures."""

    file: str
    threads: Count
    on: dict[str, figures.Figures | str]


class Kernels(Struct, frozen=True):
    """A report of ``refconv kernels``, which `figures.read` reads once its types are known to be right."""

    nvrtc: Annotated[str, Meta(pattern=r"^\d+\.\d+(\.\d+)*$")]
    architectures: list[Annotated[str, Meta(pattern=r"^sm_\d+[af]?$")]]
    kernels: dict[str, Kernel]
