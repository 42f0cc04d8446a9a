"""Whether CuPy can run kernels here, and if not, what to install: the one place that knows CuPy's ways to be missing.

CuPy is imported only when `unavailable` is called. Its wheels are built for one CUDA line each (cupy-cuda11x, -cuda12x,
-cuda13x) and all install the same package, so two of them at once overwrite one another.
"""

from __future__ import annotations

import re
from importlib import metadata
from typing import Any

INSTALL = "pip install 'refconv[cuda12]' or 'refconv[cuda13]', whichever the driver supports"
INSUFFICIENT_DRIVER = 35  # cudaErrorInsufficientDriver


def installed() -> tuple[str, ...]:
    """The CuPy distributions of this environment, by name: ``cupy-cuda12x``, or ``cupy`` where it was built here."""
    names = {(distribution.metadata["Name"] or "").lower() for distribution in metadata.distributions()}
    return tuple(sorted(name for name in names if re.fullmatch(r"cupy(-cuda\d+x?|-rocm-[\d-]+)?", name)))


def unavailable() -> str | None:
    """Why CuPy cannot run kernels here, in a sentence that says what to do, or None."""
    wheels = installed()
    if len(wheels) > 1:
        return (
            f"{' and '.join(wheels)} are installed at once and overwrite one another: "
            f"pip uninstall {' '.join(wheels)}, then {INSTALL}"
        )
    try:
        import cupy
    except ImportError as error:
        return f"the gpu device needs CuPy ({_first_line(error)}): {INSTALL}"
    return _without_gpu(cupy) or _without_nvrtc(cupy)


def _without_gpu(cupy: Any) -> str | None:
    runtime = cupy.cuda.runtime
    here = f"CuPy {cupy.__version__} is here"
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        # The driver's own version can be asked for where nothing else works; it is 0 where there is no driver.
        driver = runtime.driverGetVersion()
        if driver == 0:
            return f"{here}, but no NVIDIA driver: install one if there is a GPU ({_first_line(error)})"
        if error.status == INSUFFICIENT_DRIVER:
            return (
                f"{here}, but the driver is older, for CUDA {driver // 1000}.{driver % 1000 // 10}: install a newer "
                f"driver, or pip uninstall {''.join(installed()) or 'cupy'} and pip install '{_wheel(driver // 1000)}'"
            )
        return f"{here}, but finds no GPU: {_first_line(error)}"
    return None if count else f"{here}, but there is no GPU"


def _wheel(major: int) -> str:
    """What has the CuPy that a driver for that CUDA runs."""
    return f"refconv[cuda{min(major, 13)}]" if major >= 12 else "cupy-cuda11x"


def _without_nvrtc(cupy: Any) -> str | None:
    try:
        cupy.cuda.nvrtc.getVersion()
    except Exception as error:  # each version of CuPy has its own kind
        major = int(cupy.cuda.runtime.runtimeGetVersion()) // 1000
        wheel = "nvidia-cuda-nvrtc" if major >= 13 else f"nvidia-cuda-nvrtc-cu{major}"
        return (
            f"CuPy {cupy.__version__} is here, but not NVRTC, which compiles kernels ({_first_line(error)}): "
            f"pip install '{wheel}'"
        )
    return None


def _first_line(error: Exception) -> str:
    """Of what CuPy says, which may be a page framed by lines of ``=``."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in lines if line.strip("=")), type(error).__name__)
