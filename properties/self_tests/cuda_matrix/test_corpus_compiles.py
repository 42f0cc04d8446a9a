"""The kernels that the simulator's checker is tested with are CUDA C, by NVIDIA's compiler, and not just by ours."""

import re
from pathlib import Path

import pytest

from refconv_cuda import nvrtc

if reason := nvrtc.unavailable():
    pytest.skip(reason, allow_module_level=True)

CORPUS = Path(__file__).parents[1] / "corpus"
FILES = sorted(CORPUS.glob("*/*.cu"))
# What ptxas may rightly warn of, in both kernels of a pair; those of 12.8, 12.9 and 13.0 do not.
WARNED = {"endless_recursion": "Stack size for entry function"}


def test_the_corpus_is_there():
    assert len(FILES) > 50


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_right_twin_compiles_without_a_warning(path):
    kernel = re.search(r"^// kernel: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    names = [kernel[1]] if kernel and "<" in kernel[1] else []

    try:
        assert nvrtc.compile_file(path, "sm_80", names=names, options=("-std=c++17",)).kernels
    except nvrtc.CompileError as error:
        allowed = WARNED.get(path.stem)
        if allowed is None or any(allowed not in each.text for each in error.diagnostics):
            raise
