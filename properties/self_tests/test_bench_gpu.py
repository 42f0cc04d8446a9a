"""The GPU's half of the benchmarks without a GPU: our kernels on a CuPy made of a clock, NumPy and the simulator."""

import sys
import time
import types

import numpy as np
import pytest
from fake_gpu import TICK, FakeGpu, cupy_for

from refconv.layers import Layer
from refconv.problem import Problem
from refconv_cuda import cupy_wheels
from refconv_reports.bench import buffers, choose, kept, machine, peaks, timing, traffic
from refconv_reports.bench.choose import Case, Wanted
from refconv_reports.bench.contest import Contest, Refused, WrongResult
from refconv_reports.bench.contestants import Field
from refconv_reports.bench.cupy_arrays import CupyStream
from refconv_reports.bench.run import Run
from refconv_reports.bench.timing import Unsynchronised

PROBLEM = Problem.parse("b2h5w6i4o6k3x2p1")


@pytest.fixture
def gpu(monkeypatch):
    """A fake GPU, whose kernels take a thousand ticks each."""
    return on_gpu(monkeypatch)


def on_gpu(monkeypatch, **more):
    gpu = FakeGpu()
    monkeypatch.setitem(sys.modules, "cupy", cupy_for(gpu, **more))
    monkeypatch.setattr(cupy_wheels, "installed", lambda: ("cupy-cuda13x",))
    monkeypatch.setattr(timing, "perf_counter", gpu.clock)
    from refconv_cuda import device

    device.find.cache_clear()
    monkeypatch.setattr(device, "find", device.find.__wrapped__)
    return gpu


def case(operator="forward", dtype="float32", name="implicit-gemm"):
    return Case(Layer("it", PROBLEM), operator, dtype, name, name, "ours")


@pytest.mark.parametrize("operator", ["forward", "grad_input", "grad_weight"])
@pytest.mark.parametrize("name", ["implicit-gemm", "im2col", "auto"])
def test_our_kernels_are_certified_and_timed(gpu, operator, name):
    measured = Contest(Field("gpu"), machine.gpu_peaks()).measure(case(operator, name=name))
    info = measured.info
    assert info["timer"] == "cuda-events"
    assert info["certified"] is True
    median = measured.timing.median
    assert median in (1000 * TICK, 2000 * TICK)  # one kernel or two, and nothing of what it takes to launch them
    assert info["gflop"] == 2 * PROBLEM.multiplications / 1e9
    assert info["tflops"] == 2 * PROBLEM.multiplications / median / 1e12
    assert info["roofline_fraction"] == info["roofline_s"] / median
    assert (info["peer"], info["peer_ratio"]) == (None, None)
    assert info["kernel"]


@pytest.mark.parametrize("dtype", ["tf32", "float16", "bfloat16"])
def test_in_every_precision(gpu, dtype):
    info = Contest(Field("gpu"), machine.gpu_peaks()).measure(case(dtype=dtype, name="auto")).info
    assert (info["dtype"], info["certified"]) == (dtype, True)
    assert info["gbyte"] == traffic.work(PROBLEM, "forward", dtype).bytes / 1e9
    assert info["roofline_s"] > 0


def test_short_kernels_are_replayed(monkeypatch):
    gpu = on_gpu(monkeypatch, seconds=20 * TICK)
    measured = Contest(Field("gpu")).measure(case())
    assert measured.info["timer"] == "graph-replay"
    assert measured.timing.median == 20 * TICK
    assert gpu.capturing is None


@pytest.mark.parametrize("name", ["im2col", "implicit-gemm"])
def test_cublas_is_not_captured_and_not_timed_with_the_host(monkeypatch, name):
    gpu = on_gpu(monkeypatch, seconds=20 * TICK)
    measured = Contest(Field("gpu")).measure(case(name=name))
    assert measured.info["timer"] == ("cuda-events" if name == "im2col" else "graph-replay")
    assert measured.timing.median == 20 * TICK
    assert gpu.capturing is None


def test_a_capture_that_breaks_is_ended(gpu):
    stream = CupyStream(sys.modules["cupy"], 2**16)

    def broken():
        raise RuntimeError("not while capturing")

    with pytest.raises(RuntimeError, match=r"not while capturing"):
        stream.capture(broken)
    assert gpu.capturing is None


def test_nothing_is_timed_that_a_wrong_kernel_did(monkeypatch):
    def spoil(arrays):
        result = arrays[2]
        result.reshape(-1)[-1] += 1

    gpu = on_gpu(monkeypatch, spoil=spoil)
    with pytest.raises(WrongResult, match=r"implicit-gemm is wrong on b2h5w6i4o6k3x2p1: Y\[1,4,\d,5\] = .* sum is "):
        Contest(Field("gpu")).measure(case())
    assert len(gpu.launched) == 1  # that of the certificate


FAULT = "cudaErrorIllegalAddress: an illegal memory access was encountered"


def test_after_a_fault_nothing_else_is_blamed(monkeypatch):
    def spoil(arrays):
        gpu.fault = FAULT

    gpu = on_gpu(monkeypatch, spoil=spoil)
    told = machine.described("gpu")
    cases = (case(), case("grad_input"), case("grad_weight"))
    run = Run(choose.Plan(cases), Contest(Field("gpu"), machine.gpu_peaks()))
    first, *others = run.cases
    with pytest.raises(RuntimeError, match=r"cudaErrorIllegalAddress"):
        run.measure(first)
    for other in others:
        with pytest.raises(Refused, match=r"^the GPU is lost since it-forward-float32-implicit-gemm: cudaErrorIllegal"):
            run.measure(other)
    assert run.failed == [(cases[0], f"RuntimeError: {FAULT}")]
    assert (run.lost, run.too_late, run.running) == (f"{first}: {FAULT}", 2, None)
    gone = sys.modules["cupy"].cuda.runtime
    monkeypatch.setattr(gone, "getDeviceProperties", lambda number: gpu.synchronize())
    assert machine.described("gpu")["gpu"] == told["gpu"]  # which the results want still


def test_a_wrong_result_alone_does_not_end_the_run(monkeypatch):
    def spoil(arrays):
        arrays[2].reshape(-1)[-1] += 1

    on_gpu(monkeypatch, spoil=spoil)
    run = Run(choose.Plan((case(), case("grad_input"))), Contest(Field("gpu")))
    for name in run.cases:
        with pytest.raises(WrongResult):
            run.measure(name)
    assert (len(run.failed), run.lost) == (2, None)


@pytest.mark.parametrize("name", ["gpu", "cpu"])
def test_a_case_that_does_not_end_ends_the_process(monkeypatch, capsys, tmp_path, name):
    ended = []
    monkeypatch.setattr(kept, "HUNG", 0.1)
    monkeypatch.setattr(kept.os, "_exit", ended.append)
    for seconds in (0.0, 1.0):
        run = types.SimpleNamespace(device=name, running=(case(), time.monotonic() + seconds), measured=[])
        with kept.Keeper(run, tmp_path / "run.json"):
            time.sleep(0.3)
    assert set(ended) == ({1} if name == "gpu" else set())
    told = "WRONG: it-forward-float32-implicit-gemm did not end within 0.1 s, so this process ends"
    assert (told in capsys.readouterr().err) == (name == "gpu")


def test_a_kernel_on_a_stream_of_its_own_is_found_out(gpu, monkeypatch):
    launch = gpu.launch
    monkeypatch.setattr(
        gpu, "launch", lambda seconds, stream=None, **more: launch(seconds, stream=stream or "its own", **more)
    )
    with pytest.raises(Unsynchronised, match=r"another stream"):
        Contest(Field("gpu")).measure(case())


def test_what_is_faster_than_the_memory_was_not_done(gpu, monkeypatch):
    slow = peaks.Peaks({"float32": 1.0}, 1e3, "nowhere")  # 1 kB/s
    with pytest.raises(Unsynchronised, match=r"seems to read .* TB/s on b2h5w6i4o6k3x2p1, but the memory has 0\.0"):
        Contest(Field("gpu"), slow).measure(case())


def test_fresh_memory_is_not_poisoned_where_that_would_be_timed(gpu):
    implementation = Field("gpu")["implicit-gemm"].implementation
    assert implementation.target.device._poison is False


def test_numpy_alone_is_not_timed_on_a_gpu(gpu):
    from refconv.implementation import ImplementationError

    with pytest.raises(ImplementationError, match=r"windows takes NumPy arrays, so on a GPU its copies would be timed"):
        Field("gpu")["windows"]


def test_operands_are_drawn_where_they_are_used(gpu):
    for operator, dtype in (("forward", "float32"), ("grad_weight", "float16")):
        pair = Field("gpu").exact(operator, PROBLEM, 5, dtype)
        assert type(pair.first).__module__ == "cupy"
        assert pair.first.dtype == dtype
        values = np.asarray(pair.first, dtype=np.float64)
        assert np.array_equal(values, np.rint(values))
        assert 0 < np.abs(values).max() <= pair.most


def test_operands_that_do_not_fit_are_nobodys_fault(gpu, monkeypatch):
    def exact(self, *arguments):
        raise MemoryError("Out of memory allocating 1 byte")

    monkeypatch.setattr(Field, "exact", exact)
    with pytest.raises(Refused, match=r"^it: its operands need more memory than there is$"):
        Contest(Field("gpu")).measure(case())


def test_without_curand_they_are_drawn_by_the_host(gpu, monkeypatch):
    def missing(seed):
        raise ImportError("libcurand.so.10: cannot open shared object file")

    monkeypatch.setattr(sys.modules["cupy"].random, "default_rng", missing)
    pair = Field("gpu").exact("forward", PROBLEM, 5, "float32")
    assert type(pair.first).__module__ == type(pair.second).__module__ == "cupy"
    assert Contest(Field("gpu")).measure(case()).info["certified"]


def test_too_many_terms_are_thinned_there_too(gpu):
    problem = Problem.parse("b1h9w9i64o2k9p4")  # more terms than bfloat16 can count
    pair = Field("gpu").exact("forward", problem, 1, "float16")
    assert pair.thinned
    assert 0 < np.count_nonzero(pair.second) <= pair.most


def test_this_machine_is_described(gpu):
    told = machine.described("gpu")
    assert (told["machine"], told["gpu"], told["compute_capability"]) == ("nvidia-h200", "NVIDIA H200", "9.0")
    assert (told["cuda"], told["cupy"]) == ("13.0", "14.2.0")
    assert told["clocks_mhz"] == {"sm": 1980, "memory": 3201}
    assert told["peak"]["float32"] == 67e12
    assert told["bandwidth"] == 4.8e12


@pytest.mark.parametrize(
    ("gpu_name", "capability", "bandwidth", "tf32"),
    [
        ("NVIDIA H100 80GB HBM3", "9.0", 3350, 494.5),
        ("NVIDIA H100 PCIe", "9.0", 2000, 378),
        ("NVIDIA A100-SXM4-80GB", "8.0", 2039, 156),
        ("NVIDIA A100 80GB PCIe", "8.0", 1935, 156),
        ("NVIDIA A100-PCIE-40GB", "8.0", 1555, 156),
        ("Tesla V100-SXM2-32GB", "7.0", 900, None),
        ("NVIDIA L40S", "8.9", 864, 183),
        ("NVIDIA L4", "8.9", 300, 60),
    ],
)
def test_peaks_by_name(gpu_name, capability, bandwidth, tf32):
    found = peaks.of(gpu_name, capability)
    assert found.bandwidth == bandwidth * 1e9
    assert found.flops.get("tf32") == (tf32 and tf32 * 1e12)
    assert found.source.startswith("https://")


def test_an_unknown_gpu_has_no_roof():
    assert peaks.of("NVIDIA GB9999", "99.0") is None
    assert peaks.of("NVIDIA H200", "8.0") is None
    assert peaks.of(None, None) is None
    figures = traffic.figures(traffic.work(PROBLEM, "forward", "float32"), "float32", 1.0, None)
    assert figures["roofline_s"] is figures["roofline_fraction"] is None


def test_the_least_work():
    problem = Problem.parse("b2h4w4i3o5k3p1")
    what = traffic.work(problem, "grad_input", "float16")
    assert what.flop == 2 * (2 * 4 * 4 * 5 * 9 * 3)
    assert what.bytes == 2 * (2 * 4 * 4 * 5 + 9 * 3 * 5 + 2 * 4 * 4 * 3)
    assert traffic.work(problem, "grad_input", "tf32").bytes == 2 * what.bytes
    roof = peaks.Peaks({"float16": 1e6}, 1e3, "nowhere")
    assert traffic.least_seconds(what, "float16", roof) == what.bytes / 1e3
    assert traffic.least_seconds(what, "float32", roof) is None
    assert traffic.least_seconds(what, "float16", peaks.Peaks({"float16": 1e2}, 1e9, "")) == what.flop / 1e2


def test_buffers_go_past_the_cache(gpu):
    home = Field("gpu")["implicit-gemm"].home
    rotated = buffers.rotation(home, "forward", PROBLEM, "float32")
    size = sum(array.nbytes for array in rotated[0])
    assert len(rotated.pairs) * size > home.cache
    addresses = {array.__array_interface__["data"][0] for pair in rotated.pairs for array in pair}
    assert len(addresses) == 2 * len(rotated.pairs)
    assert rotated[len(rotated.pairs)][0] is rotated[0][0]
    x, w = rotated[0]
    assert (x.shape, w.shape) == (PROBLEM.x_shape, PROBLEM.w_shape)
    assert np.count_nonzero(x) == x.size  # zeros would be multiplied faster
    assert not np.array_equal(x, rotated[1][0])


def test_a_gpu_measures_everything_in_an_order_that_may_stop_early(gpu):
    plan = choose.plan(
        Wanted(implementations=["im2col", "implicit-gemm"], dtypes=["float32"], peers=["im2col"]), Field("gpu")
    )
    cells = list(dict.fromkeys(case.cell for case in plan.cases))
    assert len(cells) == 3 * len({cell[0] for cell in cells})
    assert [case.role for case in plan.cases[:2]] == ["peer", "ours"]
    first = list(dict.fromkeys(choose.family(case.layer) for case in plan.cases[: 2 * 3 * 8]))
    assert len(first) >= 8  # a layer of each network before a second one of any
