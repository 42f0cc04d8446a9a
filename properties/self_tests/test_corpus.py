"""The checker on the corpus: every fault is found, no twin is ever reported."""

import functools
import importlib.util
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from corpus_files import BEYOND, BEYOND_CLANG, PAIRS, STEP_BUDGET, TOOLS, Pair, value_of

from refconv_cuda import simulator
from refconv_cuda.simulator import KernelError, RawModule, Schedule, errors, scheduled

# How many schedules a twin must pass: the second compiler's instrumentation is what differs, not the runtime.
SCHEDULES = {"ziglang": 200, "g++": 25}

ITEMS = {
    "missing barrier at the start of a tile loop",
    "missing barrier at the end of a tile loop",
    "race inside a warp",
    "race across warps",
    "race across blocks",
    "non-atomic histogram",
    "atomic mixed with a plain write",
    "atomic mixed with a plain read",
    "single racing pair",
    "missing __syncwarp",
    "off-by-one read past the end",
    "off-by-one read before the start",
    "off-by-one write past the end",
    "off-by-one write before the start",
    "stencil halo off by one at the start",
    "stencil halo off by one at the end",
    "row overflow inside a 2-D shared array",
    "misaligned float4",
    "misaligned row of a matrix",
    "early return before a barrier",
    "barrier in a divergent branch",
    "barrier in a loop with a ragged end",
    "wrong mask",
    "wrong shuffle mask",
    "tensor core instruction without all lanes",
    "uninitialised shared tile",
    "last block without __threadfence",
    "double buffer with one barrier too few",
    "asynchronous copy used before the wait",
    "asynchronous copy into a buffer in use",
    "byte-sized data",
    "dynamic shared memory overrun",
    "two reads are no race",
    "same-value writes",
    "__device__ variable",
    "3-D block",
}
KINDS = {
    *("out-of-bounds read", "out-of-bounds write", "out-of-bounds atomic", "misaligned access"),
    *("write to a read-only array", "index out of bounds", "stack overflow", "division by zero", "trap"),
    *("endless loop", "race in shared memory", "race in global memory"),
    *("race with an asynchronous copy", "asynchronous copy of the wrong memory"),
    *("uninitialised shared memory", "uninitialised global memory"),
    *("divergent barrier", "deserted barrier", "wrong mask", "divergent warp", "deserted warp", "undefined lane"),
}
# Kinds that no kernel of the corpus can show: a fault whose direction the processor does not tell, an interrupted
# launch, a machine without memory.
OTHER_KINDS = {"out-of-bounds access", "interrupted", "out of memory"}

each_pair = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.tool}/{pair.name}")


# -- running them -------------------------------------------------------------------------------------------------


@functools.cache
def module(compiler: str, tool: str, alone: str | None, faulty: bool) -> RawModule:
    """The kernels of a tool, all in one module because a build costs half a second; or the one that must be alone."""
    pairs = [pair for pair in PAIRS if pair.tool == tool and (pair.name == alone if alone else not pair.alone)]
    built = RawModule(
        code="\n".join(f'#line 1 "{pair.name}.cu"\n{pair.text}' for pair in pairs),
        options=("-DFAULTY",) if faulty else (),
        name_expressions=[pair.kernel for pair in pairs if "<" in pair.kernel],
        check=True,
        step_budget=STEP_BUDGET,
    )
    with pytest.MonkeyPatch.context() as patch:
        if compiler == "ziglang":
            patch.delenv("REFCONV_CXX", raising=False)
        else:
            patch.setenv("REFCONV_CXX", compiler)
        built.build()
    return built


@pytest.fixture(scope="module", params=["ziglang", "g++"])
def compiler(request):
    """Either compiler, where it is installed."""
    there = importlib.util.find_spec("ziglang") if request.param == "ziglang" else shutil.which(request.param)
    if not there:
        pytest.skip(f"{request.param} is not installed")
    return request.param


def launch(compiler: str, pair: Pair, *, faulty: bool, schedule: Schedule = Schedule()):  # noqa: B008 (it is frozen)
    """Runs one of a pair; returns its arguments by name, before the launch and after it."""
    kernels = module(compiler, pair.tool, pair.name if pair.alone else None, faulty)
    kernel = kernels.get_function(pair.kernel)
    with scheduled(schedule):
        arguments = {argument["name"]: value_of(argument) for argument in pair.arguments}
        before = {name: None if value is None else np.array(value) for name, value in arguments.items()}
        scalars = {
            name: value[()] if value is not None and not value.ndim else value for name, value in arguments.items()
        }
        kernel(pair.grid, pair.block, tuple(scalars.values()), shared_mem=pair.shared)
    return before, arguments


def assert_right(compiler: str, pair: Pair, schedule: Schedule) -> None:
    """The twin computes what its header says, and nothing is found."""
    before, after = launch(compiler, pair, faulty=False, schedule=schedule)
    for name, expression in pair.results.items():
        expected = eval(expression, {"np": np, **before})
        assert np.array_equal(after[name], expected), f"{schedule}: {name} = {after[name]}, not {expected}"


@each_pair
def test_the_fault_is_found(compiler, pair):
    name = f"{pair.tool}/{pair.name}"
    if name in BEYOND or (name in BEYOND_CLANG and compiler == "ziglang"):
        launch(compiler, pair, faulty=True)  # and nothing is raised
        return
    with pytest.raises(KernelError) as raised:
        launch(compiler, pair, faulty=True)
    finding, message = raised.value.finding, str(raised.value)
    assert (type(raised.value), finding.kind) == (pair.exception, pair.kind), message
    assert raised.value.tool == pair.tool
    if pair.here:
        assert (Path(finding.file or "?").name, finding.line) == (f"{pair.name}.cu", pair.here), message
    if pair.array:
        assert finding.array == pair.array, message
    if pair.element is not None:
        assert finding.element == pair.element, message
    accesses = [finding.access, finding.other]
    for access, thread in zip(accesses, pair.threads, strict=False):
        assert access.thread == thread, message
    for access, block in zip(accesses, pair.blocks, strict=False):
        assert access.block == block, message
    if pair.other:
        assert (Path(finding.other.file or "?").name, finding.other.line) == (f"{pair.name}.cu", pair.other), message
    # The process lives, and so do both modules.
    assert_right(compiler, pair, Schedule())
    with pytest.raises(pair.exception):
        launch(compiler, pair, faulty=True)


@each_pair
def test_the_twin_is_never_reported(compiler, pair):
    for seed in range(SCHEDULES[compiler]):
        assert_right(compiler, pair, Schedule.from_seed(seed))


# -- the corpus itself --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", TOOLS)
def test_there_are_enough(tool):
    assert len([pair for pair in PAIRS if pair.tool == tool]) >= 10
    assert len(PAIRS) >= 48


def test_names_are_unique():
    # A tool's kernels share a module.
    names = [pair.name for pair in PAIRS]
    assert len(names) == len(set(names))


def test_every_item_and_kind_is_covered():
    assert set().union(*(pair.covers for pair in PAIRS)) == ITEMS
    assert {pair.kind for pair in PAIRS} == KINDS
    words = (Path(simulator.__file__).parent / "findings.py").read_text(encoding="utf-8")
    # Kinds that findings.py puts together from parts.
    parts = {"out-of-bounds": "out-of-bounds {noun}", "race in": "race in {self._space()}"}
    for kind in KINDS | OTHER_KINDS:
        [part] = [text for start, text in parts.items() if kind.startswith(start)] or [kind]
        assert part in words or kind.startswith("uninitialised"), kind


@each_pair
def test_a_file_says_what_is_needed(pair):
    assert pair.exception.tool == pair.tool
    assert re.match(r"// \S[^\n]*", pair.text)
    assert "FAULTY" in pair.text
    assert max(map(len, pair.text.splitlines())) <= 120
    assert set(pair.results) <= {argument["name"] for argument in pair.arguments}
    # Only where a stack ends is nobody's choice; all else has its line and thread.
    assert pair.here or pair.kind == "stack overflow"
    assert pair.threads
    if pair.exception is errors.Race:
        assert pair.other
        assert pair.array or "dynamic" in pair.name or "device" in pair.name
