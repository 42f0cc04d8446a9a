"""The GPU device without a GPU: everything but the launch itself, on a CuPy that is made of NumPy and the simulator."""

import sys
import types
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from fake_gpu import as_cupy_takes_it
from hypothesis import given, settings

from refconv import exact, windows
from refconv.implementation import ImplementationError
from refconv.problem import OPERANDS, Problem
from refconv_cuda import cuda_headers, cupy_wheels, device, gpu, simulator
from refconv_cuda.launchers.auto import Auto
from refconv_cuda.launchers.im2col import Im2col
from refconv_cuda.launchers.implicit_gemm import SMALL, ImplicitGemm
from refconv_cuda.launchers.tensor_core import TensorCore
from refconv_cuda.simulator import Schedule, scheduled
from refconv_properties import strategies


class CudaError(RuntimeError):
    """Stands for ``cupy.cuda.runtime.CUDARuntimeError``."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class CupyArray(np.ndarray):
    """Stands for ``cupy.ndarray``."""


class _RawModule:
    """CuPy's signature (code, never path; options and name_expressions), the simulator's work."""

    def __init__(self, *, code, options, name_expressions):
        assert "-std=c++14" in options  # what CuPy 13 compiles with by default, said aloud
        as_cupy_takes_it(options, (), (), (), CupyArray)
        self._module = simulator.RawModule(code=code, options=options, name_expressions=name_expressions)

    def get_function(self, name):
        kernel = self._module.get_function(name)

        def launch(grid, block, args):
            as_cupy_takes_it((), grid, block, args, CupyArray)
            kernel(grid, block, [np.asarray(arg) if isinstance(arg, CupyArray) else arg for arg in args])

        return launch


def fake_cupy(count=1, error=None, driver=13000, nvrtc_error=None):
    """A module that behaves like CuPy for CUDA 12.9 with ``count`` GPUs, or whose driver or NVRTC raises an error."""

    def get_device_count():
        if error:
            raise error
        return count

    def get_version():
        if nvrtc_error:
            raise nvrtc_error
        return 12, 9

    cupy = types.ModuleType("cupy")
    cupy.__version__ = "14.2.0"
    cupy.ndarray = CupyArray
    cupy.asarray = lambda array: np.asarray(array).view(CupyArray)
    cupy.ascontiguousarray = lambda array: np.ascontiguousarray(array).view(CupyArray)
    cupy.asnumpy = lambda array: np.array(array)
    cupy.empty = lambda shape, dtype: np.empty(shape, dtype).view(CupyArray)
    cupy.matmul = lambda a, b: np.matmul(a, b).view(CupyArray)
    cupy.RawModule = _RawModule
    runtime = types.SimpleNamespace(
        getDeviceCount=get_device_count,
        driverGetVersion=lambda: driver,
        runtimeGetVersion=lambda: 12090,
        CUDARuntimeError=CudaError,
    )
    nvrtc = types.SimpleNamespace(getVersion=get_version)
    cupy.cuda = types.SimpleNamespace(
        runtime=runtime, nvrtc=nvrtc, Device=lambda: types.SimpleNamespace(compute_capability="90")
    )
    return cupy


@pytest.fixture
def on_gpu(monkeypatch):
    """The device, on a fake CuPy."""
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy())
    return gpu.Gpu()


def test_a_view_that_begins_between_two_vectors_is_copied(on_gpu):
    whole = np.arange(64, dtype=np.float32).view(CupyArray)
    first = -device.address(whole) % device.VECTOR_BYTES // whole.itemsize
    for start in range(first, first + 9):
        there = on_gpu.to_device(whole[start:])
        assert device.address(there) % device.VECTOR_BYTES == 0
        assert np.array_equal(there, whole[start:])
        assert np.shares_memory(there, whole) == ((start - first) % 4 == 0)


OLD_DRIVER = CudaError(35, "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version")
NO_DEVICE = CudaError(100, "cudaErrorNoDevice: no CUDA-capable device is detected")
NO_NVRTC = RuntimeError('Failure finding "libnvrtc.so.12"\nmore')


@pytest.mark.parametrize(
    ("cupy", "wheels", "words"),
    [
        (None, (), ["needs CuPy", "pip install 'refconv[cuda12]' or 'refconv[cuda13]'"]),
        (fake_cupy(count=0), ("cupy-cuda12x",), ["CuPy 14.2.0 is here", "no GPU"]),
        (fake_cupy(error=OLD_DRIVER, driver=0), ("cupy-cuda12x",), ["no NVIDIA driver", "install one"]),
        (fake_cupy(error=NO_DEVICE), ("cupy-cuda12x",), ["finds no GPU: cudaErrorNoDevice"]),
        (
            fake_cupy(error=OLD_DRIVER, driver=12040),
            ("cupy-cuda13x",),
            ["older, for CUDA 12.4", "pip uninstall cupy-cuda13x", "pip install 'refconv[cuda12]'"],
        ),
        (fake_cupy(error=OLD_DRIVER, driver=11080), ("cupy-cuda12x",), ["for CUDA 11.8", "'cupy-cuda11x'"]),
        (
            fake_cupy(),
            ("cupy-cuda12x", "cupy-cuda13x"),
            ["cupy-cuda12x and cupy-cuda13x are installed at once", "pip uninstall cupy-cuda12x cupy-cuda13x"],
        ),
        (
            fake_cupy(nvrtc_error=NO_NVRTC),
            ("cupy-cuda12x",),
            ["not NVRTC", 'finding "libnvrtc.so.12"', "pip install 'nvidia-cuda-nvrtc-cu12'"],
        ),
    ],
    ids=["no CuPy", "no GPU", "no driver", "no device", "old driver", "older driver", "two wheels", "no NVRTC"],
)
def test_what_is_missing_is_said(monkeypatch, cupy, wheels, words):
    monkeypatch.setitem(sys.modules, "cupy", cupy)  # None makes the import fail
    monkeypatch.setattr(cupy_wheels, "installed", lambda: wheels)
    device.find.cache_clear()
    with pytest.raises(device.DeviceMissing) as caught:
        device.find("gpu")
    reason = str(caught.value)
    assert all(word in reason for word in words), reason
    assert "\n" not in reason
    assert device.find("auto").name == "simulator"
    device.find.cache_clear()


def test_a_cupy_that_fails_to_load_says_why(monkeypatch):
    class Failing:
        def find_spec(self, name, path, target=None):
            if name == "cupy":
                raise ImportError(f"\n{'=' * 80}\nFailed to import CuPy.\n\nOriginal error: ...\n{'=' * 80}\n")

    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Failing(), *sys.meta_path])
    monkeypatch.setattr(cupy_wheels, "installed", lambda: ("cupy-cuda12x",))
    assert cupy_wheels.unavailable().startswith("the gpu device needs CuPy (Failed to import CuPy.): pip install ")


def test_cupys_wheels_are_found_by_name(monkeypatch):
    names = ["cupy-cuda12x", "CuPy-CUDA13x", "cupy-stubs", "numpy", "cupyx-tools", None]
    found = [types.SimpleNamespace(metadata={"Name": name}) for name in names]
    monkeypatch.setattr(metadata, "distributions", lambda: found)
    assert cupy_wheels.installed() == ("cupy-cuda12x", "cupy-cuda13x")


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy())
    monkeypatch.setattr(cupy_wheels, "installed", lambda: ("cupy-cuda12x",))
    device.find.cache_clear()
    assert device.find("auto").name == "gpu"
    device.find.cache_clear()


# -- the headers of wmma ----------------------------------------------------------------------------------


def include_folder(place, version):
    (place / "crt").mkdir(parents=True)
    (place / "mma.h").write_text("")
    (place / "crt" / "mma.h").write_text("")
    (place / "cuda_runtime_api.h").write_text(f"#define CUDART_VERSION  {version}\n")
    return place


@pytest.fixture
def nothing_installed(monkeypatch):
    """No wheels, no Triton, and no CUDA in its usual place."""

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    monkeypatch.setattr(cuda_headers.importlib.util, "find_spec", lambda name: None)
    for name in ("CUDA_PATH", "CUDA_HOME"):
        monkeypatch.delenv(name, raising=False)
    is_file = Path.is_file
    monkeypatch.setattr(Path, "is_file", lambda self: is_file(self) and not self.is_relative_to("/usr/local"))


def test_wmma_is_found_where_cuda_is_said_to_be(nothing_installed, monkeypatch, tmp_path):
    assert cuda_headers.of_wmma(12) == []
    folder = include_folder(tmp_path / "include", 12090)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    assert cuda_headers.of_wmma(12) == [folder]
    assert cuda_headers.of_wmma(11) == []  # another CUDA's would not fit
    (folder / "crt" / "mma.h").unlink()
    assert cuda_headers.of_wmma(12) == []


def test_a_compiler_of_cuda_13_takes_headers_of_cuda_12_where_there_are_no_others(
    nothing_installed, monkeypatch, tmp_path
):
    older = include_folder(tmp_path / "older" / "include", 12080)
    monkeypatch.setenv("CUDA_PATH", str(tmp_path / "older"))
    assert cuda_headers.of_wmma(13) == [older]
    newer = include_folder(tmp_path / "newer" / "include", 13000)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "newer"))
    assert cuda_headers.of_wmma(13) == [newer]
    assert cuda_headers.of_wmma(12) == [older]
    monkeypatch.delenv("CUDA_PATH")
    assert cuda_headers.of_wmma(12) == []


def test_wmma_is_found_in_the_wheels_and_with_triton(nothing_installed, monkeypatch, tmp_path):
    triton = include_folder(tmp_path / "triton" / "backends" / "nvidia" / "include", 13000)
    found = types.SimpleNamespace(submodule_search_locations=[str(tmp_path / "triton")])
    monkeypatch.setattr(cuda_headers.importlib.util, "find_spec", lambda name: found if name == "triton" else None)
    assert cuda_headers.of_wmma(13) == [triton]

    # The runtime's wheel has the one header, the compiler's the other.
    runtime = include_folder(tmp_path / "nvidia" / "cuda_runtime" / "include", 12080)
    nvcc = include_folder(tmp_path / "nvidia" / "cuda_nvcc" / "include", 12080)
    (runtime / "crt" / "mma.h").unlink()
    (nvcc / "mma.h").unlink()
    installed = {"nvidia-cuda-runtime-cu12", "nvidia-cuda-nvcc-cu12"}

    def distribution(name):
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return types.SimpleNamespace(locate_file=lambda path: tmp_path / path)

    monkeypatch.setattr(metadata, "distribution", distribution)
    assert cuda_headers.of_wmma(12) == [runtime, nvcc]
    installed.remove("nvidia-cuda-nvcc-cu12")
    assert cuda_headers.of_wmma(12) == []


def test_kernels_of_wmma_are_given_its_folders(on_gpu, monkeypatch, tmp_path):
    given = []

    class RawModule(_RawModule):
        def __init__(self, *, code, options, name_expressions):
            given.append(options)
            super().__init__(code=code, options=options, name_expressions=name_expressions)

    monkeypatch.setattr(sys.modules["cupy"], "RawModule", RawModule)
    monkeypatch.setattr(cuda_headers, "of_wmma", lambda major: [tmp_path / f"cuda{major}"])
    problem = Problem.parse("b1h3w3i1o1k2")
    o = exact.operands(problem, 0, np.float16)
    conv = TensorCore(device_=on_gpu).in_format("float16")
    assert np.array_equal(conv.forward(o.x, o.w, problem), windows.forward(o.x, o.w, problem))
    ImplicitGemm(device_=on_gpu).forward(o.x, o.w, problem)
    assert [f"-I{tmp_path / 'cuda12'}" in options for options in given] == [True, False]


def test_without_the_headers_of_wmma_it_says_what_to_install(nothing_installed, on_gpu, monkeypatch):
    tries = []

    class RawModule:
        def __init__(self, **arguments):
            tries.append(arguments)

        def get_function(self, name):
            raise RuntimeError('tensor_core.cuh(24): catastrophic error: cannot open source file "crt/mma.h"')

    monkeypatch.setattr(sys.modules["cupy"], "RawModule", RawModule)
    conv = TensorCore(device_=on_gpu)
    words = (
        r"^tensor-core in {}: wmma's headers, mma.h and crt/mma.h, are not here: pip install nvidia-cuda-runtime-cu12 "
    )
    for name in ("float16", "tf32"):
        with pytest.raises(ImplementationError, match=words.format(name) + "nvidia-cuda-nvcc-cu12, or set CUDA_PATH"):
            conv.in_format(name)
    assert len(tries) == 1  # a compiler that finds nothing is not asked again
    auto = Auto("auto", among=(ImplicitGemm(), TensorCore()), device_=on_gpu)
    assert auto.chosen("forward", Problem.parse("b8h56w56i64o64k3p1"), "float16").name == "implicit-gemm"
    with pytest.raises(ImplementationError, match="auto in tf32: wmma's headers"):
        auto.in_format("tf32")
    assert "nvidia-cuda-runtime nvidia-cuda-crt," in cuda_headers.install(13)


def test_another_error_of_the_compiler_is_its_own(on_gpu, monkeypatch):
    class RawModule:
        def __init__(self, **arguments):
            pass

        def get_function(self, name):
            raise RuntimeError("a slip")

    monkeypatch.setattr(sys.modules["cupy"], "RawModule", RawModule)
    with pytest.raises(RuntimeError, match="a slip"):
        on_gpu.kernel("tensor_core_forward.cu", "k")


# -- what it is called with -------------------------------------------------------------------------------


def test_the_code_is_the_file_byte_for_byte():
    for path in device.KERNELS.glob("*.cu"):
        first, rest = gpu.raw_module_arguments(path.name, "kernel<float>")["code"].split("\n", 1)
        assert first == f'#line 1 "{path}"'  # so that the compiler names the file
        assert rest == path.read_text()


def test_an_edited_header_changes_the_options(monkeypatch, tmp_path):
    (tmp_path / "a.cu").write_text("")
    (tmp_path / "a.cuh").write_text("// one")
    monkeypatch.setattr(gpu, "KERNELS", tmp_path)
    before = gpu.raw_module_arguments("a.cu", "k")["options"]
    (tmp_path / "a.cuh").write_text("// two")
    assert gpu.raw_module_arguments("a.cu", "k")["options"] != before


@pytest.mark.parametrize("make", [Im2col, lambda d: ImplicitGemm(tile=SMALL, device_=d)])
def test_numpy_in_numpy_out(on_gpu, make):
    conv = make(on_gpu)

    @settings(max_examples=30, deadline=None)
    @given(drawn=strategies.operands(strategies.problems(), dtype=np.float32))
    def run(drawn):
        problem, o = drawn
        for actual, expected in (
            (conv.forward(o.x, o.w, problem), windows.forward(o.x, o.w, problem)),
            (conv.grad_input(o.gy, o.w, problem), windows.grad_input(o.gy, o.w, problem)),
            (conv.grad_weight(o.gy, o.x, problem), windows.grad_weight(o.gy, o.x, problem)),
        ):
            assert type(actual) is np.ndarray
            assert np.array_equal(actual, expected)

    run()


def test_bfloat16_on_the_gpu(on_gpu):
    problem = Problem.parse("b2h4w5i3o2k2")
    o = exact.operands(problem, 1, "bfloat16")
    conv = ImplicitGemm(device_=on_gpu).in_format("bfloat16")
    for operator, names in OPERANDS.items():
        first, second = (getattr(o, name) for name in names)
        result = getattr(conv, operator)(first, second, problem)
        assert result.dtype == first.dtype
        assert np.array_equal(result, getattr(windows, operator)(first, second, problem))


def test_bfloat16_wants_a_newer_cupy(monkeypatch):
    cupy = fake_cupy()
    cupy.__version__ = "13.6.0"
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    conv = ImplicitGemm(device_=gpu.Gpu())
    assert conv.in_format("float16") is conv
    with pytest.raises(
        ImplementationError, match=r"^implicit-gemm in bfloat16: CuPy 13\.6\.0 is here, .* need CuPy 14"
    ):
        conv.in_format("bfloat16")


def test_cupy_in_cupy_out(on_gpu):
    problem = Problem.parse("b1h3w3i1o1k2")
    o = exact.operands(problem, 0, np.float32)
    y = ImplicitGemm(device_=on_gpu).forward(o.x.view(CupyArray), o.w.view(CupyArray), problem)
    assert type(y) is CupyArray
    assert np.array_equal(y, windows.forward(o.x, o.w, problem))


def test_fresh_memory_holds_poison_unless_told_otherwise(on_gpu):
    with scheduled(Schedule(poison=0x41424344)):
        assert np.asarray(on_gpu.empty((2, 3), np.float32)).view(np.uint32).tolist() == [[0x41424344] * 3] * 2
        assert np.asarray(on_gpu.empty((3,), np.float16)).view(np.uint16).tolist() == [0x4344, 0x4142, 0x4344]
    assert on_gpu.empty((0, 3), np.float32).shape == (0, 3)


def test_a_cupy_array_on_the_simulator_is_refused():
    problem = Problem.parse("b1h1w1i1o1k1")

    class Array:  # what the simulator sees of a CuPy array: something that is no NumPy array
        shape, dtype = (1, 1, 1, 1), np.dtype(np.float32)

    with pytest.raises(TypeError, match=r"x is a .*Array, but the simulator device takes NumPy arrays"):
        Im2col(device.find("simulator")).forward(Array(), np.zeros((1, 1, 1, 1), np.float32), problem)
