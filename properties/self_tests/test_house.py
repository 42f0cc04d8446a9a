"""The house: where packages may lie, what they may import, what must be said of every public name."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import refconv

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path for path in (ROOT / "refconv").rglob("*.py"))
REPORTS = sorted(path for path in (ROOT / "reports" / "refconv_reports").rglob("*.py"))


def newly_imported(*modules):
    """The top-level packages that a fresh interpreter imports for ``modules``, beyond those of its own start."""
    script = f"""
import importlib, sys
before = set(sys.modules)
for name in {modules!r}:
    importlib.import_module(name)
print(*sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}))
"""
    roots = [str(ROOT / name) for name in ("", "cuda", "properties", "reports")]
    found = [*roots, *filter(None, sys.path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(found)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_cuda_is_no_package():
    # NVIDIA's `cuda` is a namespace package. A cuda/__init__.py of ours would shadow it, and so would any .py file
    # directly in cuda/ that pytest collects: then `import cupy` fails.
    assert (ROOT / "cuda").is_dir()
    assert [path.name for path in (ROOT / "cuda").glob("*.py")] == []


def test_the_formulas_need_numpy_only():
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES]
    names = [name for name in names if not name.endswith(("__init__", "__main__", "cli")) and ".commands." not in name]
    assert {"refconv.index_sum", "refconv.adapters.torch"} <= set(names)
    imported = newly_imported("refconv", *names)
    assert {"refconv", "numpy"} <= imported
    assert imported & {"refconv_cuda", "refconv_properties", "cupy", "hypothesis", "pytest", "rich"} == set()
    assert imported & {"jax", "keras", "onnx", "onnxruntime", "scipy", "tinygrad", "torch"} == set()


def test_the_kernels_are_imported_without_cupy():
    if (ROOT / "cuda" / "refconv_cuda" / "__init__.py").exists():
        imported = newly_imported("refconv_cuda")
        assert "refconv_cuda" in imported
        assert imported & {"cupy", "cupy_backends", "refconv_properties", "hypothesis", "pytest"} == set()


def test_the_benchmarks_are_imported_without_what_they_measure():
    imported = newly_imported("refconv_reports.bench.test_layers", "refconv.cli")
    assert {"refconv_reports", "refconv_cuda", "pytest"} <= imported
    assert imported & {"cupy", "cupy_backends", "jax", "torch", "numba", "matplotlib"} == set()


def test_the_check_of_imports_can_fail():
    assert "hypothesis" in newly_imported("refconv_properties.strategies")


def test_the_version_is_the_newest_in_the_changelog():
    versions = re.findall(r"^## \[?(\d[^\]\s]*)\]?", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert refconv.__version__ == versions[0]


def public(node, prefix=""):
    """Public classes, functions and methods below ``node``: their names and definitions."""
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            yield prefix + child.name, child
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{prefix}{child.name}.")


@pytest.mark.parametrize("path", [*MODULES, *REPORTS], ids=lambda path: path.stem)
def test_every_public_name_has_a_docstring(path):
    module = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(module)
    assert [name for name, definition in public(module) if not ast.get_docstring(definition)] == []
