"""A real CuPy where there is no GPU, or one: what is said of it. The other ways to lack it are in ``test_nvrtc.py``."""

import subprocess
import sys

import pytest

from refconv_cuda import cupy_wheels

if not cupy_wheels.installed():
    pytest.skip("CuPy is not installed here", allow_module_level=True)


def test_what_is_said_of_it_says_what_to_do():
    cupy = pytest.importorskip("cupy")
    reason = cupy_wheels.unavailable()
    if reason is not None:
        assert cupy.__version__ in reason
        assert "GPU" in reason or "pip install" in reason
        assert "\n" not in reason


def test_it_is_not_imported_before_it_is_asked_for():
    script = "import sys, refconv_cuda.convolution, refconv_cuda.gpu\nassert 'cupy' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
