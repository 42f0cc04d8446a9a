"""The inline PTX that the simulator is tested with is PTX, by NVIDIA's assembler, and not just by ours."""

from pathlib import Path

import pytest

from refconv_cuda import nvrtc

if reason := nvrtc.unavailable():
    pytest.skip(reason, allow_module_level=True)

FILES = sorted((Path(__file__).parents[1] / "ptx").glob("*.cu"))


def test_the_kernels_are_there():
    assert len(FILES) >= 3


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_compiles_without_a_warning(path, architecture):
    if architecture not in nvrtc.architectures():
        pytest.skip(f"this NVRTC does not know {architecture}")
    assert nvrtc.compile_file(path, architecture, options=("-std=c++17",)).kernels
