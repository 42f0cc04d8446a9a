"""Where CUDA's own headers are, for kernels that include what the compiler does not have built in.

NVRTC brings none. The runtime's wheel has most of them (cuda_fp16.h, mma.h), but what those include as crt/... comes
with the compiler's: nvidia-cuda-nvcc-cu12, or nvidia-cuda-crt from CUDA 13 on. CuPy needs and finds the runtime's only,
so for wmma one has to look further: where CUDA itself is installed, and where Triton, which comes with PyTorch, keeps
the headers of the CUDA that it was built with.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

WMMA = ("mma.h", "crt/mma.h")
# By the compiler's CUDA: whose headers it takes. wmma's wrap words of the compiler's own, and those of 12.8, which
# Triton 3.6 has beside a PyTorch for CUDA 13, give the same code with NVRTC 13.
FITTING = {13: (13, 12)}


def install(major: int) -> str:
    """What to do where wmma's are missing."""
    suffix = f"-cu{major}" if major < 13 else ""
    wheels = [f"nvidia-cuda-{name}{suffix}" for name in ("runtime", "nvcc" if suffix else "crt")]
    return f"pip install {' '.join(wheels)}, or set CUDA_PATH to where CUDA {major} is"


def of_wheels(major: int) -> list[Path]:
    """The include folders of the installed wheels of that CUDA: the runtime's, the libraries', the compiler's."""
    if major < 13:
        folders = {"runtime": "cuda_runtime/include", "cccl": "cuda_cccl/include", "nvcc": "cuda_nvcc/include"}
    else:  # nvidia-cuda-crt shares the runtime's folder
        folders = {"runtime": f"cu{major}/include", "cccl": f"cu{major}/include/cccl"}
    found = []
    for name, folder in folders.items():
        try:
            wheel = metadata.distribution(f"nvidia-cuda-{name}" + (f"-cu{major}" if major < 13 else ""))
        except metadata.PackageNotFoundError:
            continue
        found.append(Path(str(wheel.locate_file(f"nvidia/{folder}"))))
    return found


def of_wmma(major: int) -> list[Path]:
    """Include folders that between them have `WMMA`, for the compiler of that CUDA; none where nothing is found."""
    whole = [
        folders
        for folders in _places(major)
        if all(any((folder / header).is_file() for folder in folders) for header in WMMA)
    ]
    for fitting in FITTING.get(major, (major,)):
        for folders in whole:
            if _major(folders) == fitting:
                return folders
    return []


def _places(major: int) -> Iterator[list[Path]]:
    for variable in ("CUDA_PATH", "CUDA_HOME"):
        if os.environ.get(variable):
            yield [Path(os.environ[variable]) / "include"]
    yield of_wheels(major)
    yield [Path(f"/usr/local/cuda-{major}/include")]
    yield [Path("/usr/local/cuda/include")]
    triton = importlib.util.find_spec("triton")
    for place in (triton.submodule_search_locations or ()) if triton is not None else ():
        yield [Path(place) / "backends" / "nvidia" / "include"]


def _major(folders: list[Path]) -> int | None:
    """Of the CUDA that headers belong to."""
    for folder in folders:
        try:
            text = (folder / "cuda_runtime_api.h").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if version := re.search(r"#define\s+CUDART_VERSION\s+(\d+)", text):
            return int(version[1]) // 1000
    return None
