"""What machine this is: what a figure means nothing without, and what decides whether two may be compared."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import refconv
from refconv_reports.bench import peaks

# Attributes of CUDA's cudaDeviceAttr, in kHz: the highest clocks, where the driver tells no present ones.
CLOCK_RATE, MEMORY_CLOCK_RATE = 13, 36
QUERY = ("driver_version", "clocks.sm", "clocks.mem")
DISTRIBUTIONS = {"torch": ("torch",), "jax": ("jax",), "numpy": ("numpy",)}


def described(device: str) -> dict[str, Any]:
    """``machine_info["refconv"]``. device: ``gpu``, ``cpu`` or ``simulator``, which is a CPU's affair."""
    told: dict[str, Any] = {
        "device": "gpu" if device == "gpu" else "cpu",
        "machine": "",
        "gpu": None,
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
        **dict.fromkeys(("compute_capability", "driver", "cuda", "cupy", "cudnn"), None),
        **{name: _version(*names) for name, names in DISTRIBUTIONS.items()},
        **dict.fromkeys(("clocks_mhz", "peak", "bandwidth", "peak_source"), None),
        "refconv": refconv.__version__,
    }
    if device == "gpu":
        told |= _gpu()
    if told["load"] > told["cores"] / 2 and device != "gpu":
        told["note"] = f"a shared machine, load {told['load']} on {told['cores']} cores: only ratios mean anything"
    told["machine"] = slug(told["gpu"]) if told["gpu"] else f"cpu-{slug(told['cpu'])}"
    return told


def slug(name: str) -> str:
    """Letters, digits and hyphens: ``nvidia-h200`` for ``NVIDIA H200``."""
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)", "", name.lower())).strip("-") or "unknown"


def difference(one: dict[str, Any], other: dict[str, Any]) -> str | None:
    """Why figures of two machines may not be compared, or None: GPUs are told by their model, CPUs by cores too."""
    names = (
        ["device", "gpu", "compute_capability"] if one.get("gpu") or other.get("gpu") else ["device", "cpu", "cores"]
    )
    for name in names:
        if one.get(name) != other.get(name):
            return f"{name} is {one.get(name)} here, and {other.get(name)} there"
    return None


def cpu_model() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    found = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(found, "") or platform.processor() or platform.machine()


def gpu_peaks() -> peaks.Peaks | None:
    """Those of the GPU that CuPy runs on, where a datasheet is known."""
    import cupy

    gpu = _gpu_of(cupy)
    return peaks.of(gpu.name, gpu.capability)


@dataclass(frozen=True)
class _Gpu:
    """number: CUDA's. clock, memory_clock: the highest, in MHz."""

    number: int
    name: str
    capability: str
    clock: float
    memory_clock: float


@functools.cache
def _gpu_of(cupy: Any) -> _Gpu:
    """Asked once: after a fault CUDA may not answer any more, and the results of the run want it still."""
    runtime = cupy.cuda.runtime
    number = runtime.getDevice()
    name = runtime.getDeviceProperties(number)["name"]
    digits = str(cupy.cuda.Device(number).compute_capability)
    clocks = (runtime.deviceGetAttribute(attribute, number) / 1000 for attribute in (CLOCK_RATE, MEMORY_CLOCK_RATE))
    return _Gpu(number, name.decode() if isinstance(name, bytes) else str(name), f"{digits[:-1]}.{digits[-1]}", *clocks)


def _gpu() -> dict[str, Any]:
    import cupy

    gpu = _gpu_of(cupy)
    known = peaks.of(gpu.name, gpu.capability)
    cuda = int(cupy.cuda.runtime.runtimeGetVersion())
    driver, sm, memory = _told_by_the_driver(gpu.number)
    clocks = {"sm": sm or gpu.clock, "memory": memory or gpu.memory_clock}
    return {
        "gpu": gpu.name,
        "compute_capability": gpu.capability,
        "driver": driver,
        "cuda": f"{cuda // 1000}.{cuda % 1000 // 10}",
        "cupy": cupy.__version__,
        "cudnn": _cudnn(),
        "clocks_mhz": clocks,
        "peak": known.flops if known else None,
        "bandwidth": known.bandwidth if known else None,
        "peak_source": known.source if known else None,
    }


def _told_by_the_driver(number: int) -> tuple[str | None, float | None, float | None]:
    """Its version, and the clocks in MHz as they are now, by nvidia-smi; Nones where it does not say."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return None, None, None
    asked = [command, f"--id={number}", f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20)
        driver, sm, memory = (word.strip() for word in done.stdout.strip().split(","))
        return driver, float(sm), float(memory)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None, None, None


def _cudnn() -> str | None:
    """The version of PyTorch's cuDNN, where PyTorch is loaded: 9.10.2 for 91002, 8.9.7 for 8907."""
    torch = sys.modules.get("torch")
    number = torch.backends.cudnn.version() if torch is not None else None
    if not number:
        return None
    thousands = 10000 if number >= 90000 else 1000
    return f"{number // thousands}.{number % thousands // 100}.{number % 100}"


def _version(*names: str) -> str | None:
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None
