"""What this machine is: the first step, and the file that every figure of the run is read with."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from gpu_run import sanitizer
from gpu_run.checkout import ROOT, version

PACKAGES = (
    "numpy",
    "torch",
    "triton",
    "jax",
    "hypothesis",
    "pytest",
    "pytest-benchmark",
    "pytest-xdist",
    "rich",
    "ml_dtypes",
)
SMI = ("name", "driver_version", "compute_cap", "memory.total", "memory.used", "mig.mode.current", "persistence_mode")
CLOCKS = ("clocks.sm", "clocks.mem", "clocks.max.sm", "clocks.max.mem", "power.limit", "temperature.gpu")


def facts(device: str) -> dict[str, Any]:
    """All that is known; what cannot be asked is None."""
    tool = sanitizer.find()
    known: dict[str, Any] = {
        "refconv": version(),
        "commit": output("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40"),
        "device": device,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "packages": {name: _version(name) for name in PACKAGES},
        # The short form of an nvidia-smi that does not know all of these words is its usual page.
        "nvidia_smi": output("nvidia-smi", f"--query-gpu={','.join(SMI + CLOCKS)}", "--format=csv")
        or output("nvidia-smi"),
        "nvcc": _last(output("nvcc", "--version")),
        "compute_sanitizer": _last(output(tool, "--version")) if tool else None,
    }
    return known | (_cupy() if device == "gpu" else {})


def output(*command: str) -> str | None:
    """What a command prints, or None where it fails, or there is none."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cupy() -> dict[str, Any]:
    import cupy

    runtime = cupy.cuda.runtime
    properties = runtime.getDeviceProperties(0)
    wanted = ("multiProcessorCount", "l2CacheSize", "sharedMemPerMultiprocessor", "sharedMemPerBlockOptin", "clockRate")
    name = properties["name"]
    return {
        "gpu": name.decode() if isinstance(name, bytes) else name,
        "compute_capability": f"{properties['major']}.{properties['minor']}",
        "cupy": cupy.__version__,
        "cuda_driver": runtime.driverGetVersion(),
        "cuda_runtime": runtime.runtimeGetVersion(),
        "nvrtc": list(cupy.cuda.nvrtc.getVersion()),
        "properties": {key: properties[key] for key in wanted if key in properties},
    }


def _cpu() -> str | None:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _last(text: str | None) -> str | None:
    return text.splitlines()[-1] if text else text


def main() -> int:
    """``python -m gpu_run.facts gpu|simulator FILE``."""
    device, file = sys.argv[1:]
    known = facts(device)
    Path(file).write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    packages = ", ".join(f"{name} {found}" for name, found in known["packages"].items() if found)
    print(f"{known.get('gpu') or known['cpu']}, Python {known['python']}, {packages}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
