"""What is known of each compiled kernel, and the JSON that keeps it: one file for each CUDA version.

    {"nvrtc": "12.9.86", "architectures": ["sm_50", ...],
     "kernels": {"im2col<float>": {"file": "im2col.cu", "threads": 128, "on": {
       "sm_50": {"registers": 40, "shared": 0, "spill_stores": 0, "spill_loads": 0, "blocks": 12, "occupancy": 0.75,
                 "limit": "registers"},
       "sm_52": "sm_50", ...}}}}

An architecture's name in place of figures means: the same as there. Nothing in a file depends on the day or on the
machine, so two runs of the same compiler write the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figures:
    """A kernel on one architecture.

    registers, spill_stores, spill_loads (bytes): of a thread. shared: bytes of a block, static and dynamic. blocks:
    resident on a multiprocessor. occupancy: of its warps, 0 to 1, and limit: what stops one more block; None where the
    architecture's limits are unknown. loop: how many instructions of each class its main loop has, None without a
    loop or nvdisasm. error: why it does not compile, with nothing else.
    """

    registers: int = 0
    shared: int = 0
    spill_stores: int = 0
    spill_loads: int = 0
    blocks: int | None = None
    occupancy: float | None = None
    limit: str | None = None
    loop: Mapping[str, int] | None = None
    error: str | None = None

    @property
    def spilled(self) -> int:
        """Bytes that a thread keeps in memory because it has too few registers."""
        return max(self.spill_stores, self.spill_loads)


@dataclass(frozen=True)
class KernelFigures:
    """A kernel everywhere. threads: of a block, as it is launched. on: its figures, by architecture."""

    file: str
    threads: int
    on: dict[str, Figures] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """Every kernel under one NVRTC. nvrtc: its release, as 12.9.86. kernels: by name."""

    nvrtc: str
    architectures: tuple[str, ...]
    kernels: dict[str, KernelFigures]

    @property
    def cuda(self) -> str:
        """The CUDA version, as 12.9."""
        return ".".join(self.nvrtc.split(".")[:2])

    def write(self, path: Path) -> None:
        """Writes the JSON, a line for each set of figures. Creates the folder."""
        kernels = []
        for name, kernel in self.kernels.items():
            rows = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in _folded(kernel.on).items()]
            head = f'{json.dumps(name)}: {{"file": {json.dumps(kernel.file)}, "threads": {kernel.threads}, "on": {{'
            kernels.append(head + "\n  " + ",\n  ".join(rows) + "}}")
        text = (
            f'{{"nvrtc": {json.dumps(self.nvrtc)}, "architectures": {json.dumps(self.architectures)}, "kernels": {{\n '
            + ",\n ".join(kernels)
            + "}}\n"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def read(path: Path) -> Report:
    """A report that `Report.write` wrote. Raises ``ValueError`` for what is none, ``OSError`` if it cannot be read."""
    try:
        raw = json.loads(path.read_bytes())
        kernels = {
            name: KernelFigures(kernel["file"], kernel["threads"], _unfolded(kernel["on"]))
            for name, kernel in raw["kernels"].items()
        }
        return Report(str(raw["nvrtc"]), tuple(raw["architectures"]), kernels)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} is no report of refconv kernels: {error!r}") from None


def brief(architectures: Sequence[str]) -> str:
    """``sm_80 86 90``."""
    return "sm_" + " ".join(architecture.removeprefix("sm_") for architecture in architectures)


def _folded(on: Mapping[str, Figures]) -> dict[str, Any]:
    """Each distinct set of figures once; the other architectures name the one that has it."""
    first: dict[str, str] = {}
    folded: dict[str, Any] = {}
    for architecture, figures in on.items():
        known = {name: value for name, value in asdict(figures).items() if value is not None}
        values = {"error": figures.error} if figures.error else known
        same = first.setdefault(json.dumps(values), architecture)
        folded[architecture] = values if same == architecture else same
    return folded


def _unfolded(raw: Mapping[str, Any]) -> dict[str, Figures]:
    return {
        architecture: Figures(**(raw[value] if isinstance(value, str) else value))
        for architecture, value in raw.items()
    }
