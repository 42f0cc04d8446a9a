"""Our occupancy beside NVIDIA's: ``cuda_occupancy.h``, which comes with the CUDA runtime's headers, compiled here."""

import itertools
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from refconv_cuda import nvrtc
from refconv_cuda.nvrtc.occupancy import LIMITS, capability, occupancy

if reason := nvrtc.unavailable():
    pytest.skip(reason, allow_module_level=True)

THREADS = (1, 32, 33, 64, 96, 128, 160, 256, 320, 512, 768, 1000, 1024)
REGISTERS = (16, 24, 32, 33, 37, 40, 41, 48, 56, 64, 72, 80, 96, 128, 168, 255)
SHARED = (0, 1, 1088, 2176, 3073, 8320, 16640, 32768, 47 * 1024, 48 * 1024)


def compiler():
    """A C++ compiler's command: the system's, or the one that the simulator extra installs."""
    for name in ("g++", "clang++"):
        if shutil.which(name):
            return [name]
    if find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "c++"]
    return pytest.skip("there is no C++ compiler to build NVIDIA's calculator with")


@pytest.fixture(scope="module")
def calculator(tmp_path_factory):
    """NVIDIA's calculator as a program, if this environment has the runtime's headers."""
    folders = [folder for folder in nvrtc.headers() if (folder / "cuda_occupancy.h").is_file()]
    if not folders:
        pytest.skip("the headers of the CUDA runtime are not installed")
    program = tmp_path_factory.mktemp("occupancy") / "occupancy"
    source = Path(__file__).with_name("occupancy.cpp")
    command = [*compiler(), "-O1", "-w", f"-I{folders[0]}", str(source), "-o", str(program)]
    subprocess.run(command, check=True)
    return program


@pytest.mark.parametrize("architecture", [name for name in nvrtc.architectures() if name[-1].isdigit()])
def test_occupancy_is_that_of_nvidias_header(calculator, architecture):
    number = capability(architecture)
    limits = LIMITS[number]
    launches = list(itertools.product(THREADS, REGISTERS, SHARED))
    gpu = (*divmod(number, 10), limits.threads, limits.registers, limits.registers_of_block, limits.shared)
    lines = "\n".join(" ".join(map(str, (*gpu, *launch))) for launch in launches)
    done = subprocess.run([calculator], input=lines, capture_output=True, text=True, check=True)
    expected = list(map(int, done.stdout.split()))
    assert len(expected) == len(launches)
    assert -1 not in expected, f"{architecture} is unknown to this cuda_occupancy.h"
    found = [occupancy(architecture, threads=t, registers=r, shared=s).blocks for t, r, s in launches]
    different = [
        (launch, ours, theirs) for launch, ours, theirs in zip(launches, found, expected, strict=True) if ours != theirs
    ]
    assert different == []
