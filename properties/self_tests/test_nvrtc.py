"""Compiling without a GPU: the compiler's logs, occupancy, the instances, and what is said where NVRTC is missing.

The logs are recorded from the versions that they name. What needs NVRTC itself is in ``cuda_matrix/``, which the tox
environments of the CUDA lines run.
"""

import importlib
import itertools
import subprocess
import sys
import types
from importlib import metadata

import ml_dtypes  # noqa: F401 (adds bfloat16 to NumPy)
import numpy as np
import pytest

from refconv import exact
from refconv.problem import Problem
from refconv_cuda import convolution, device, instances, nvrtc
from refconv_cuda.kernel_report import survey
from refconv_cuda.nvrtc import Diagnostic, Occupancy, Resources, library, log
from refconv_cuda.nvrtc.occupancy import LIMITS, capability, occupancy

# -- ptxas's figures --------------------------------------------------------------------------------

LOG_11_8 = """\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'h' for 'sm_90'
ptxas info    : Function properties for h
ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 10 registers, 80000 bytes smem, 360 bytes cmem[0]
ptxas info    : Function properties for _Z1gi
ptxas         .     8 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads
ptxas info    : Compiling entry function '_Z1fPi' for 'sm_90'
ptxas info    : Function properties for _Z1fPi
ptxas         .     1152 bytes stack frame, 1036 bytes spill stores, 1368 bytes spill loads
ptxas info    : Used 24 registers, 360 bytes cmem[0]
"""
LOG_12_9 = """\
ptxas info    : 80 bytes gmem
ptxas info    : Compiling entry function '_Z10sum_splitsIfEvPKT_' for 'sm_121f'
ptxas info    : Function properties for _Z10sum_splitsIfEvPKT_
ptxas         .     8 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads
ptxas info    : Used 56 registers, used 1 barriers, 8 bytes cumulative stack size, 2176 bytes smem
ptxas info    : Compile time = 81.770 ms
"""
LOG_13_5 = """\
ptxas info    : Overriding maximum register limit 256 for '_Z1fPi' with  24 of maxrregcount option
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z1fPi' for 'sm_80'
ptxas info    : Function properties for _Z1fPi
ptxas         .     1112 bytes stack frame, 996 bytes spill stores, 1284 bytes spill loads
ptxas info    : Used 24 registers, used 0 barriers, 1112 bytes cumulative stack size, 360 bytes cmem[0]
ptxas info    : Compile time = 36.341 ms
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            LOG_11_8,
            {
                "h": Resources(10, shared=80000, stack=8, spill_stores=4, spill_loads=8),  # with the function it calls
                "_Z1fPi": Resources(24, stack=1152, spill_stores=1036, spill_loads=1368),
            },
        ),
        (
            LOG_12_9,
            {"_Z10sum_splitsIfEvPKT_": Resources(56, shared=2176, stack=8, spill_stores=4, spill_loads=8)},
        ),
        (LOG_13_5, {"_Z1fPi": Resources(24, stack=1112, spill_stores=996, spill_loads=1284)}),
        ("", {}),
    ],
    ids=["11.8", "12.9", "13.5", "nothing"],
)
def test_resources_are_read_from_logs(text, expected):
    assert log.resources(text) == expected


# -- complaints -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LOG_11_8 + LOG_12_9 + LOG_13_5, []),
        (
            "nvrtc: warning: Architectures prior to '<compute/sm>_75' are deprecated and may be removed in a future "
            "release",
            [],  # 12.8 and 12.9, of a GPU and not of a kernel
        ),
        (
            '/k/a b/file.cu(2): warning #177-D: variable "a" was declared but never referenced\n   int a;\n       ^\n\n'
            'Remark: The warnings can be suppressed with "-diag-suppress <warning-number>"\n',
            [Diagnostic("warning", 'variable "a" was declared but never referenced', "/k/a b/file.cu", 2)],
        ),
        (
            '/k/file.cu(12): error: identifier "__vimin3_s32" is undefined\n\n1 error detected in the compilation.',
            [Diagnostic("error", 'identifier "__vimin3_s32" is undefined', "/k/file.cu", 12)],
        ),
        (
            "/k/file.cu(6): catastrophic error: #error directive: x",
            [Diagnostic("error", "#error directive: x", "/k/file.cu", 6)],
        ),
        (
            "ptxas application ptx input, line 31; error   : Feature 'barrier.cluster.arrive' requires .target sm_90 "
            "or higher\nptxas fatal   : Ptx assembly aborted due to errors\n",
            [Diagnostic("error", "Feature 'barrier.cluster.arrive' requires .target sm_90 or higher", ptx_line=31)],
        ),
        (
            " ptxas error   : Entry function '_Z1hPi' uses too much shared data (0x13880 bytes, 0xc000 max)",
            [Diagnostic("error", "Entry function '_Z1hPi' uses too much shared data (0x13880 bytes, 0xc000 max)")],
        ),
        (
            "ptxas warning : For profile sm_80 adjusting per thread register count of 16 to lower bound of 24",
            [Diagnostic("warning", "For profile sm_80 adjusting per thread register count of 16 to lower bound of 24")],
        ),
        (
            "nvrtc: error: invalid value for --std (-std)",
            [Diagnostic("error", "invalid value for --std (-std)")],
        ),
    ],
    ids=["none", "age", "warning", "error", "catastrophic", "ptx", "shared", "ptxas warning", "option"],
)
def test_complaints_are_read_from_logs(text, expected):
    assert log.diagnostics(text) == expected


def test_a_complaint_says_where():
    assert str(Diagnostic("error", "no", "a.cu", 3)) == "a.cu(3): error: no"
    assert str(Diagnostic("error", "no", ptx_line=31)) == "line 31 of the PTX: error: no"
    assert str(Diagnostic("warning", "hm")) == "warning: hm"


PTX = """\
.visible .entry _Z1fPi(
)
{
\t.loc\t1 2 1
\tadd.s32 %r1, %r2, %r3;
\t.loc\t2 7 3, function_name $L__info_string0, inlined_at 1 3 5
\tbarrier.cluster.arrive.aligned;
}
.visible .entry _Z1gPi(
)
{
\tret;
}
\t.file\t1 "/k/file.cu"
\t.file\t2 "/k/tile.cuh"
"""


@pytest.mark.parametrize(
    ("line", "expected"), [(5, ("/k/file.cu", 2)), (7, ("/k/tile.cuh", 7)), (12, None), (1, None), (99, None)]
)
def test_a_line_of_ptx_leads_to_ours(line, expected):
    assert log.source_line(PTX, line) == expected


# -- occupancy --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("architecture", "threads", "registers", "shared", "expected"),
    [
        # The Best Practices Guide, "Calculating Occupancy": 7.0 holds 2,048 threads; 37 registers and blocks of 128
        # give 12 blocks and 0.75, blocks of 320 give 4 and 0.63.
        ("sm_70", 128, 37, 0, Occupancy(12, 0.75, "registers")),
        ("sm_70", 320, 37, 0, Occupancy(4, 0.625, "registers")),
        # The same guide: 32 registers a thread are the most for all 2,048.
        ("sm_70", 256, 32, 0, Occupancy(8, 1.0, "warps")),
        ("sm_70", 256, 33, 0, Occupancy(6, 0.75, "registers")),
        # The Ampere Tuning Guide: 64 warps on 8.0, 48 on 8.6, 163 KB for one block of 164, for the driver keeps 1.
        ("sm_80", 1024, 32, 0, Occupancy(2, 1.0, "warps")),
        ("sm_86", 1024, 32, 0, Occupancy(1, 1024 / 1536, "warps")),
        ("sm_80", 256, 32, 163 * 1024, Occupancy(1, 0.125, "shared memory")),
        ("sm_80", 256, 32, 163 * 1024 + 1, Occupancy(0, 0.0, "shared memory")),
        # The Hopper Tuning Guide: 64 warps and 32 blocks, 227 KB for one block of 228.
        ("sm_90a", 32, 16, 0, Occupancy(32, 0.5, "blocks")),
        ("sm_90", 128, 32, 227 * 1024, Occupancy(1, 0.0625, "shared memory")),
        # Turing's 32 warps and 16 blocks; a block without threads to fill them.
        ("sm_75", 32, 16, 0, Occupancy(16, 0.5, "blocks")),
        ("sm_75", 256, 255, 0, Occupancy(1, 0.25, "registers")),
        # 32 K registers a block on 5.3: 1,024 threads with 33 registers cannot be launched.
        ("sm_53", 1024, 33, 0, Occupancy(0, 0.0, "registers")),
        ("sm_52", 1024, 33, 0, Occupancy(1, 0.5, "registers")),
        # Shared memory in steps of 256 bytes, and of 128 from 8.0 on, with the driver's 1,024.
        ("sm_52", 32, 16, 3073, Occupancy(29, 29 / 64, "shared memory")),
        ("sm_120", 64, 56, 2176, Occupancy(18, 0.75, "registers")),
    ],
)
def test_occupancy_is_that_of_nvidias_calculator(architecture, threads, registers, shared, expected):
    assert occupancy(architecture, threads=threads, registers=registers, shared=shared) == expected


def test_occupancy_is_unknown_where_the_limits_are():
    assert occupancy("sm_999", threads=32, registers=32) is None


def test_a_block_that_no_launch_can_have_is_refused():
    for threads in (0, 1025):
        with pytest.raises(ValueError, match=f"threads = {threads} must be 1 to 1,024"):
            occupancy("sm_90", threads=threads, registers=32)


def test_names_of_architectures():
    assert [capability(name) for name in ("sm_90", "sm_90a", "sm_100f", "compute_121")] == [90, 90, 100, 121]
    for name in ("90", "sm_", "sm_9x", "gfx_90", "sm_a90"):
        with pytest.raises(ValueError, match="must be like sm_90"):
            capability(name)


def test_the_limits_are_whole():
    for number, limits in LIMITS.items():
        assert limits.threads % 32 == 0, number
        assert limits.threads // 32 >= limits.blocks, number  # a block is a warp at least


# -- the instances ----------------------------------------------------------------------------------


class Recorder:
    """A device that notes which kernels are launched, with how many threads a block, and computes nothing."""

    name = "recorder"

    def __init__(self):
        self.launched = set()

    def holds(self, array):
        return True

    def to_device(self, array):
        return array

    def empty(self, shape, dtype):
        return np.zeros(shape, dtype)

    def matmul(self, a, b):
        return np.zeros((a.shape[0], a.shape[1], b.shape[2]), a.dtype)

    def kernel(self, file, name):
        return lambda grid, block, args: self.launched.add((file, name, block[0]))


# Between them they reach every kernel of every launcher.
TEXTS = ("b2h9w9i1o1k1", "b2h9w9i5o1k1", "b2h9w9i4o4k1", "b2h9w9i8o8k1", *(f"b2h9w9i4o4k{k}g4" for k in (2, 3, 7)))
PROBLEMS = [Problem.parse(text) for text in TEXTS]


def test_the_instances_are_those_that_the_launchers_ask_for():
    recorder = Recorder()
    for registered in convolution.KERNELS:
        conv = registered.at(recorder)
        for launcher in (conv, *getattr(conv, "variants", {}).values()):
            for dtype, problem in itertools.product(
                launcher.dtypes, [p for p in PROBLEMS if launcher.supports(p) is True]
            ):
                o = exact.operands(problem, 0, dtype)
                launcher.forward(o.x, o.w, problem)
                launcher.grad_input(o.gy, o.w, problem)
                launcher.grad_weight(o.gy, o.x, problem)
    assert recorder.launched == {(each.file, each.name, each.threads) for each in instances.INSTANCES}


def test_an_instance_is_compiled_from_the_first_architecture_on_that_has_what_it_needs():
    tensor_core = "tensor_core_forward.cu"
    halves = {each.name for each in instances.of_file(tensor_core) if "<__half" in each.name}
    assert len(halves) == 3
    for architecture, names in (("sm_61", set()), ("sm_70", halves), ("compute_75", halves)):
        assert {each.name for each in instances.of_file(tensor_core, capability(architecture))} == names
        assert survey.Source(tensor_core, {}).is_for(architecture) == bool(names)
    for architecture in ("sm_80", "sm_90a", "sm_121"):
        assert instances.of_file(tensor_core, capability(architecture)) == instances.of_file(tensor_core)
    assert instances.of_file("im2col.cu", 50) == instances.of_file("im2col.cu")
    assert survey.Source("", {}, path=device.KERNELS / tensor_core).is_for("sm_61")  # a user's file is always tried


def test_no_kernel_file_is_forgotten():
    assert set(instances.FILES) == {path.name for path in device.KERNELS.glob("*.cu")}
    assert instances.of_file("nothing.cu") == ()


# -- what is missing --------------------------------------------------------------------------------


@pytest.fixture
def fresh():
    """Forgets which NVRTC was found, before and after."""
    caches = (library._binding, library.release, library.architectures)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_without_a_binding_it_says_what_to_install(fresh, monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", absent)
    assert "cuda-bindings" in nvrtc.unavailable()
    assert "pip install 'refconv[nvrtc]'" in nvrtc.unavailable()
    with pytest.raises(nvrtc.NvrtcMissing):
        nvrtc.version()


@pytest.mark.parametrize(
    ("version", "wheel"),
    [("11.8.7", "nvidia-cuda-nvrtc-cu11"), ("12.9.10", "nvidia-cuda-nvrtc-cu12"), ("13.5.0", "nvidia-cuda-nvrtc")],
)
def test_without_nvrtc_it_names_the_wheel(fresh, monkeypatch, version, wheel):
    def not_found():
        raise RuntimeError("Failed to dlopen libnvrtc.so.11.2")

    monkeypatch.setattr(importlib, "import_module", lambda name: types.SimpleNamespace(nvrtcVersion=not_found))
    monkeypatch.setattr(metadata, "version", lambda name: version)
    reason = nvrtc.unavailable()
    assert f"cuda-bindings {version} is here" in reason
    assert f"pip install '{wheel}'" in reason


def test_importing_never_imports_cupy_or_the_binding():
    script = (
        "import sys\n"
        "from refconv_cuda import convolution, cupy_wheels, gpu, instances, nvrtc\n"
        "from refconv_cuda.kernel_report import command\n"
        "print([name for name in sys.modules if name.startswith(('cupy', 'cuda.'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
