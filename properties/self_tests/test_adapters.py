"""The adapters: other people's convolutions keep the laws, and say so where they are missing or do not apply.

What is not installed here is skipped, with the reason that a user would read.
"""

import contextlib
import dataclasses
import functools
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import types

import numpy as np
import pytest
from faults import FAULTS

from refconv import exact, windows
from refconv.adapters import layouts
from refconv.adapters.framework import Adapter, Framework
from refconv.adapters.keras import Keras
from refconv.adapters.onnx import is_same_upper
from refconv.adapters.onnxruntime import OnnxRuntimeSame
from refconv.adapters.torch import Autograd
from refconv.formats import format_of
from refconv.implementation import Implementation, ImplementationError, load, registered
from refconv.problem import OPERANDS, Problem
from refconv_properties import search
from refconv_properties.laws import catalogue
from refconv_properties.search import Plan, Searching
from refconv_properties.subject import Subject

LAWS = catalogue()
ADAPTERS = [name for name, point in registered().items() if point.value.startswith("refconv.adapters")]
COMPILED = ("jax", "keras", "tinygrad")  # each new problem takes them up to a second
SLOW = (*COMPILED, *(name for name in ADAPTERS if name.endswith("-same")))  # which refuse nine of ten problems
RAGGED = Problem.parse("b2h5w6i4o6k3x2s2x1p0.1.2.1d1x2g2")  # every field is its own


@functools.cache
def loaded(name):
    try:
        return load(name)
    except ImplementationError as reason:
        return str(reason)


def adapter(name):
    found = loaded(name)
    if isinstance(found, str):
        pytest.skip(f"{name}: {found}")
    return found


def test_scipy_at_least_is_here():
    assert "scipy" in ADAPTERS
    assert not isinstance(loaded("scipy"), str)


# -- the laws -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "law"),
    [
        pytest.param(name, law, marks=pytest.mark.slow) if name in SLOW or law == "limits" else (name, law)
        for name in ADAPTERS
        for law in LAWS
    ],
)
def test_the_laws_hold_but_for_known_faults(name, law, monkeypatch):
    found = adapter(name)
    if name in COMPILED:
        monkeypatch.setattr(search, "CASES", {})
    for dtype in found.dtypes:
        plan = Plan(examples=2 if name in COMPILED else 15, seed=1)
        outcome = Searching(LAWS[law], Subject(found, format_of(dtype), time_limit=60), plan).run()
        found_broken = outcome.counterexample
        if found_broken is not None:
            problem, sentence = Problem.parse(found_broken.problem), "; ".join(found_broken.explanation)
            assert any(fault.explains(name, problem, sentence) for fault in FAULTS.values()), sentence


def test_the_laws_can_break(monkeypatch):
    # An adapter that exchanges the padding's sides, as it would with the wrong order in a call.
    found = adapter("scipy")

    class Exchanged(type(found.target)):
        def forward(self, x, w, problem):
            top, bottom, left, right = problem.padding
            return super().forward(x, w, problem.replace(padding=(bottom, top, left, right)))

    wrong = dataclasses.replace(found, target=Exchanged())
    outcome = Searching(LAWS["index-sum"], Subject(wrong, format_of(np.float32)), Plan(60, 1)).run()
    assert outcome.verdict == "broken"


@pytest.mark.parametrize("name", ADAPTERS)
def test_each_operator_on_views_of_every_kind(name):
    # The laws hand over contiguous copies; the contract is wider.
    found = adapter(name)
    problem = RAGGED
    if name.endswith("-same"):
        problem = Problem.parse("b2h5w6i4o6k3x2s2x1p1.1.0.1g2")
    if name == "keras":
        problem = RAGGED.replace(dilation=1)
    assert found.unsupported(problem) is None
    for dtype in found.dtypes:
        operands = exact.operands(problem, 5, dtype)
        for operator in found.operators:
            if (name, operator) == ("onnx-reference", "grad_input"):
                continue
            first, second = (getattr(operands, which) for which in OPERANDS[operator])
            expected = getattr(windows, operator)(first, second, problem)
            views = (first[::-1].copy()[::-1], np.asfortranarray(second))
            for view in views:
                view.setflags(write=False)
            result = getattr(found.target, operator)(*views, problem)
            assert result.dtype == dtype
            assert np.array_equal(result, expected)
            assert result.flags.writeable
            assert not any(np.shares_memory(result, view) for view in views)


def test_onnx_adds_the_rows_behind_the_last_window():
    found = adapter("onnx-reference")
    problem = Problem.parse("b2h6w8i2o3k2x3s3x2p1.0.0.1d1x2")
    assert max(problem.remainder) > 0
    operands = exact.operands(problem, 1, np.float32)
    gx = found.target.grad_input(operands.gy, operands.w, problem)
    assert np.array_equal(gx, windows.grad_input(operands.gy, operands.w, problem))


# -- what they support, by their documentation -----------------------------------------------------


def test_keras_takes_no_stride_with_a_dilation():
    keras = object.__new__(Keras)  # nothing of it is needed
    assert keras.supports(Problem.parse("b1h9w9i1o1k3s2")) is True
    assert keras.supports(Problem.parse("b1h9w9i1o1k3d2")) is True
    assert "strides > 1" in keras.supports(Problem.parse("b1h9w9i1o1k3s2x1d1x2"))


@pytest.mark.parametrize(
    "text",
    ["b1h7w7i2o2k3s2p1", "b2h8w8i1o1k3s2p0.1.0.1", "b1h5w5i1o1k2p0.1.0.1", "b1h9w9i1o1k3p2d2", "b1h4w5i1o1k1s3"],
)
def test_same_upper_is_half_the_kernel_and_the_odd_row_below(text):
    assert is_same_upper(Problem.parse(text)) is True


@pytest.mark.parametrize("text", ["b1h7w7i2o2k3s2", "b1h8w8i1o1k3s2p1.0.1.0", "b1h5w5i1o1k2", "b1h9w9i1o1k3p1d2"])
def test_other_padding_is_not_same_upper(text):
    assert is_same_upper(Problem.parse(text)) == "its padding is not what auto_pad=SAME_UPPER means"


def test_onnx_runtime_takes_no_dilation_with_auto_pad():
    same = object.__new__(OnnxRuntimeSame)
    assert same.supports(Problem.parse("b1h9w9i1o1k3p1")) is True
    assert "Dilation not supported" in same.supports(Problem.parse("b1h9w9i1o1k3p2d2"))


# -- frameworks that are missing -------------------------------------------------------------------


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_missing_framework_says_what_to_install(name, monkeypatch):
    framework = registered()[name].load().framework
    module = framework.modules[0].partition(".")[0]
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImplementationError, match=re.escape(f"no module {module}")) as caught:
        load(name)
    assert str(caught.value).startswith(f"{framework.name} is not installed")
    assert str(caught.value).endswith(f"pip install 'refconv[{framework.extra}]'")
    assert framework.extra in importlib.metadata.metadata("refconv").get_all("Provides-Extra")


def test_a_broken_framework_says_why(tmp_path, monkeypatch):
    (tmp_path / "broken_framework.py").write_text("raise OSError('libmissing.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(str(tmp_path))

    class Broken(Adapter):
        framework = Framework("Broken", ("broken_framework",), "broken")

        def forward(self, x, w, problem):
            raise AssertionError

    assert Broken().version == "unknown"
    with pytest.raises(ImplementationError, match="libmissing"):
        Broken().on("auto")


def test_there_is_no_gpu_without_a_driver():
    found = loaded("torch-cudnn")
    if not isinstance(found, str):
        pytest.skip("there is one")
    assert "GPU" in found or "not installed" in found


# -- the listing -----------------------------------------------------------------------------------


def test_implementations_are_listed_with_versions_and_reasons(refconv, tmp_path):
    ran = refconv("implementations", "--json", str(tmp_path / "report.json"))
    assert ran.status == 0
    lines = {line.split()[0]: line for line in ran.out.splitlines()}
    assert list(lines) == ["implementation", *registered()]
    assert lines["scipy"].split()[1] == importlib.metadata.version("scipy")
    assert lines["transposed"].split()[1:] == [
        *(importlib.metadata.version("refconv"), "host", "float32,", "float64", "grad_input,", "grad_weight")
    ]
    written = json.loads((tmp_path / "report.json").read_text())["implementations"]
    assert [row["implementation"] for row in written] == [*registered()]
    for row in written:
        assert ("unavailable" in row) == ("unavailable: " in lines[row["implementation"]])


def test_a_listing_that_cannot_be_written_is_no_traceback(refconv, tmp_path):
    ran = refconv("implementations", "--json", str(tmp_path / "nowhere" / "report.json"))
    assert ran.status == 2
    assert "cannot write" in ran.err


def test_listing_imports_no_framework():
    script = """
import sys
from refconv.cli import main
main(["implementations"])
print("loaded:", *sorted(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = done.stdout.rpartition("loaded:")[2].split()
    frameworks = {module for name in ADAPTERS for module in registered()[name].load().framework.modules}
    assert {"scipy.signal", "torch", "jax"} <= frameworks
    assert frameworks & set(modules) == set()


# -- what they leave behind ------------------------------------------------------------------------


def test_global_state_is_as_it_was():
    before = os.environ.get("KERAS_BACKEND")
    problem = RAGGED.replace(dilation=1)
    operands = exact.operands(problem, 1, np.float32)
    for name in ADAPTERS:
        if not isinstance(loaded(name), str) and not name.endswith("-same"):
            loaded(name).target.forward(operands.x, operands.w, problem)
    assert os.environ.get("KERAS_BACKEND") == before
    if "jax" in sys.modules:
        assert sys.modules["jax"].numpy.ones(1).dtype == np.float32


def test_pytorchs_threads_are_given_back():
    torch = adapter("torch").target.library
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        problem = Problem.parse("b1h3w3i1o1k3")
        operands = exact.operands(problem, 1, np.float32)
        adapter("torch").target.forward(operands.x, operands.w, problem)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_pytorch_takes_bfloat16_though_numpy_has_another():
    it = adapter("torch").target
    problem = Problem.parse("b2h4w5i2o4k2p1g2")
    operands = exact.operands(problem, 1, "bfloat16")
    for operator, names in OPERANDS.items():
        first, second = (getattr(operands, name) for name in names)
        result = getattr(it, operator)(first, second, problem)
        assert result.dtype == first.dtype
        assert np.array_equal(result, getattr(windows, operator)(first, second, problem))


def test_tf32_is_allowed_only_where_it_is_asked_for():
    allowed = []

    def flags(**settings):
        allowed.append(settings["allow_tf32"])
        return contextlib.nullcontext()

    torch = types.SimpleNamespace(
        __version__="0",
        cuda=types.SimpleNamespace(is_available=lambda: True),
        backends=types.SimpleNamespace(cudnn=types.SimpleNamespace(flags=flags)),
        get_num_threads=lambda: 1,
        set_num_threads=lambda threads: None,
    )
    it = Autograd.__new__(Autograd)  # PyTorch need not be installed
    it.version, it.library = "0", torch
    assert it.dtypes == ("float32", "float64")
    there = it.on("gpu")
    assert there.dtypes == ("float32", "float64", "tf32", "float16", "bfloat16")
    offered = Implementation("torch", "torch", "gpu", there.dtypes, ("forward",), there)
    for name in there.dtypes:
        with offered.chosen(name)[0].target._settled():
            pass
    assert allowed == [name == "tf32" for name in there.dtypes]
    assert offered.usual == ("float32", "float64")


# -- layouts ---------------------------------------------------------------------------------------


def test_layouts_are_named_for_their_axes():
    x = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    assert layouts.nchw(x)[1, 4, 2, 3] == x[1, 2, 3, 4]
    assert layouts.oihw(x)[4, 3, 1, 2] == x[1, 2, 3, 4]
    for there, back in ((layouts.nchw, layouts.from_nchw), (layouts.oihw, layouts.from_oihw)):
        assert np.array_equal(back(there(x)), x)
        assert there(x).flags.c_contiguous
        assert not np.shares_memory(there(x[:1, :1, :1]), x)  # where a transpose would be a view of the same order
