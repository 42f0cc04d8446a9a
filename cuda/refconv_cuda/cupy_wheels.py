"""Whether CuPy can run kernels here, and if not, what to install: the one place that knows CuPy's ways to be missing.

CuPy is imported only when `unavailable` is called. Its wheels are built for one CUDA line each (cupy-cuda11x, -cuda12x,
-cuda13x) and all install the same package, so two of them at once overwrite one another.
"""

from __future__ import annotations

import re
from importlib import metadata
from typing import Any

INSTALL = "pip install 'refconv[cuda12]' or 'refconv[cuda13]', whichever the driver supports"
NEWEST_LINE = 13


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
        return f"the gpu device needs CuPy ({error}): {INSTALL}"
    return _without_gpu(cupy) or _without_nvrtc(cupy)


def _without_gpu(cupy: Any) -> str | None:
    runtime = cupy.cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        # The driver's own version can be asked for where nothing else works; it is 0 where there is no driver.
        driver = runtime.driverGetVersion()
        if driver == 0:
            return f"CuPy {cupy.__version__} is here, but there is no NVIDIA driver, so no GPU: {error}"
        line = min(driver // 1000, NEWEST_LINE)
        wheel = "refconv[cuda13]" if line >= 13 else "refconv[cuda12]" if line == 12 else "cupy-cuda11x"
        return (
            f"CuPy {cupy.__version__} needs a newer driver than this one, which is for CUDA {_dotted(driver)}: "
            f"install a newer driver, or pip uninstall {_own_wheel()} and pip install '{wheel}' ({error})"
        )
    return None if count else f"CuPy {cupy.__version__} is here, but there is no GPU"


def _without_nvrtc(cupy: Any) -> str | None:
    try:
        cupy.cuda.nvrtc.getVersion()
    except Exception as error:  # each version of CuPy has its own kind
        line = int(cupy.cuda.runtime.runtimeGetVersion()) // 1000
        wheel = "nvidia-cuda-nvrtc" if line >= 13 else f"nvidia-cuda-nvrtc-cu{line}"
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return (
            f"CuPy {cupy.__version__} is here, but not NVRTC, which compiles kernels ({reason}): pip install '{wheel}'"
        )
    return None


def _own_wheel() -> str:
    return "".join(installed()[:1]) or "cupy"


def _dotted(number: int) -> str:
    """12.4 of 12040."""
    return f"{number // 1000}.{number % 1000 // 10}"
