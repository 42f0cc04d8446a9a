"""Stored results that nobody measured, for the tests of ``refconv report``: never commit one as a result.

python properties/self_tests/report_results.py FOLDER    writes them, to look at a page of full size
"""

import json
import random
import sys
from pathlib import Path

from refconv import layers
from refconv.problem import OPERATORS, Problem
from refconv_properties.laws import catalogue

SMALL = Problem.parse("b1h8w8i4o4k3p1")
ROOT = Path(__file__).resolve().parents[2]
PEAKS = {"float64": 50e12, "float32": 60e12, "tf32": 400e12, "float16": 800e12, "bfloat16": 800e12}
BYTES = {"float64": 8, "float32": 4, "tf32": 4, "float16": 2, "bfloat16": 2}
GPU = {
    "device": "gpu",
    "machine": "synthetic-gpu",
    "gpu": "Synthetic GPU",
    "cpu": "Synthetic CPU with a rather long name @ 2.00GHz",
    "cores": 16,
    "compute_capability": "9.0",
    "driver": "570.00",
    "cuda": "13.0",
    "cupy": "14.0",
    "cudnn": "9.10",
    "torch": "2.11",
    "numpy": "2.4",
    "clocks_mhz": {"sm": 1980, "memory": 3201},
    "peak": PEAKS,
    "bandwidth": 4e12,
    "peak_source": "https://example.org/datasheet",
    "jax": None,
    "note": None,
    "refconv": "0.1.0",
}
CPU = {
    **GPU,
    "device": "cpu",
    "machine": "cpu-synthetic",
    "gpu": None,
    "cores": 2,
    "clocks_mhz": None,
    "compute_capability": None,
    "driver": None,
    "cuda": None,
    "cupy": None,
    "cudnn": None,
    "peak": None,
    "bandwidth": None,
    "peak_source": None,
    "note": "a shared machine: only ratios mean anything",
}


def benchmark(seconds, /, **extra):
    """One benchmark as pytest-benchmark stores it, with what it stores beside."""
    stats = {"min": seconds, "max": seconds, "mean": seconds, "stddev": 0.0, "rounds": 9, "median": seconds, "iqr": 0.0}
    name = f"test[{extra.get('layer', extra['kind'])}]"
    return {"group": None, "name": name, "fullname": name, "params": None, "stats": stats, "extra_info": extra}


def file(machine, benchmarks, day=1, commit="0123456789abcdef", dirty=False):
    """A whole file."""
    return {
        "machine_info": {"node": "nowhere", "python_version": "3.12.0", "refconv": machine},
        "commit_info": {"id": commit, "time": None, "author_time": None, "dirty": dirty, "branch": "main"},
        "benchmarks": [*benchmarks],
        "datetime": f"2026-01-{day:02}T12:00:00.000000+00:00",
        "version": "5.2.0",
    }


def layer(
    name, problem, operator, dtype, implementation, seconds, *, role="ours", peer=None, peer_seconds=None, inexact=None
):
    """A layer's time; gflop and gbyte by their definitions, from the problem."""
    elements = sum(_size(shape) for shape in (problem.x_shape, problem.w_shape, problem.y_shape))
    gflop, gbyte = 2e-9 * problem.multiplications, 1e-9 * elements * BYTES[dtype]
    return benchmark(
        seconds,
        kind="layer",
        layer=name,
        problem=str(problem),
        operator=operator,
        dtype=dtype,
        implementation=implementation,
        kernel="implicit_gemm.cu" if role == "ours" else None,
        tile="128x128x16" if role == "ours" else None,
        role=role,
        timer="cuda-events",
        certified=inexact is None,
        inexact=inexact,
        scaled="",
        gflop=gflop,
        gbyte=gbyte,
        tflops=gflop / seconds / 1e3,
        gbs=gbyte / seconds,
        roofline_s=None,
        roofline_fraction=None,
        peer=peer,
        peer_ratio=peer_seconds / seconds if peer_seconds else None,
        settings={"allow_tf32": False, "cudnn_benchmark": True, "memory_format": "channels_last"},
    )


def _winograd(operator, dtype):
    """A peer that multiplies less, and is not exact."""
    return "Y[0,0,0,0] = 1.5, but the sum is 2" if (operator, dtype) == ("forward", "float32") else None


def _size(shape):
    size = 1
    for axis in shape:
        size *= axis
    return size


def pair(name, seconds, peer, *, operator="forward", dtype="float32", implementation="im2col"):
    """Our time and the peer's for a layer."""
    about = (name, SMALL, operator, dtype)
    yield layer(*about, implementation, seconds, peer="torch-cudnn", peer_seconds=peer)
    yield layer(*about, "torch-cudnn", peer, role="peer")


def check(verdicts, coverage, **about):
    """A report of ``refconv check --json`` with these laws."""
    laws = [{"law": law, "verdict": verdict, "examples": 10, "seconds": 0.1} for law, verdict in verdicts.items()]
    run = {"implementation": "mine", "device": "host", "dtype": "float32", "verdict": "held", "laws": laws}
    return {"version": "0.1.0", "seed": 1, "runs": [run | {"coverage": coverage} | about]}


def gpu(day=1, commit="0123456789abcdef", gain=1.0, dtypes=tuple(PEAKS)):
    """53 layers, 3 operators, two kernels of ours and two peers. gain: what ours are faster by."""
    rng = random.Random(5)
    found = []
    for row in layers.read(ROOT / "reports" / "layers.csv"):
        for dtype in dtypes:
            for operator in OPERATORS:
                problem = row.problem
                elements = sum(_size(shape) for shape in (problem.x_shape, problem.w_shape, problem.y_shape))
                least = max(2 * problem.multiplications / PEAKS[dtype], elements * BYTES[dtype] / GPU["bandwidth"])
                cudnn = least / rng.uniform(0.35, 1.15) + 2e-6
                im2col = cudnn * rng.uniform(1.2, 6)
                about = (row.name, problem, operator, dtype)
                for name, slower in (("implicit-gemm-64", 1.0), ("tensor-core", 0.8)):
                    seconds = cudnn / gain * slower * rng.lognormvariate(0.25, 0.45)
                    found.append(layer(*about, name, seconds, peer="torch-cudnn", peer_seconds=cudnn))
                found.append(layer(*about, "torch-cudnn", cudnn, role="peer", inexact=_winograd(operator, dtype)))
                found.append(layer(*about, "cublas-im2col", im2col, role="peer"))
    return file(GPU, found, day, commit)


def cpu(day=1, commit="0123456789abcdef", gain=1.0):
    """What a machine without GPU has: the oracle's methods, the simulator, the laws, planted bugs, certificates."""
    rng = random.Random(7)
    found = []
    for row in layers.read(ROOT / "reports" / "layers.csv")[-5:]:
        for operator in OPERATORS:
            about = (row.name, row.problem, operator, "float64")
            torch = row.problem.multiplications / 2e10
            for name in ("windows", "lowering"):
                seconds = torch * rng.lognormvariate(0.4, 0.5)
                found.append(layer(*about, name, seconds, role="oracle", peer="torch", peer_seconds=torch))
            found.append(layer(*about, "torch", torch, role="peer"))
            found.append(benchmark(0.1, kind="certificate", layer=row.name, operator=operator, oracle_ratio=31.5))
    for name, rate in (("direct", 2400), ("implicit-gemm", 620), ("implicit-gemm-64", 240), ("im2col", 540)):
        for checked in (False, True):
            speed = rate * gain / (12 if checked else 1)
            found.append(
                benchmark(1, kind="simulator", implementation=name, checked=checked, problems_per_second=speed)
            )
    switch = {"implementation": "nothing but barriers", "checked": False, "problems_per_second": 40.0}
    switch |= {"nanoseconds_per_switch": 7.4}
    found.append(benchmark(1e-6, kind="simulator", **switch))
    for law in catalogue():
        for name in ("im2col", "implicit-gemm", "windows", "torch", "jax"):
            rate = {"law": law, "implementation": name, "dtype": "float32", "examples": 200}
            found.append(benchmark(1, kind="law", **rate, examples_per_second=rng.lognormvariate(4, 1.2)))
    for number in range(111):
        seconds = rng.lognormvariate(-5.5, 1.6)
        found.append(
            benchmark(seconds, kind="bug", bug=f"onednn_{4000 + number}", law="adjoint", examples=9, seconds=seconds)
        )
    return file(CPU, found, day, commit)


def runs(dtypes=tuple(PEAKS)):
    """Three runs of a GPU and two of a CPU, by their files' names."""
    return {
        "synthetic-gpu-2026-01-01.json": gpu(1, "aaaaaaaa00", 0.6, dtypes),
        "synthetic-gpu-2026-01-08.json": gpu(8, "bbbbbbbb00", 0.8, dtypes),
        "synthetic-gpu-2026-01-15.json": gpu(15, "cccccccc00", 1.0, dtypes),
        "cpu-synthetic-2026-01-02.json": cpu(2, "aaaaaaaa00", 0.8),
        "cpu-synthetic-2026-01-16.json": cpu(16, "cccccccc00", 1.0),
    }


def kernels(templates, instances):
    """A report of ``refconv kernels`` of made-up kernels, an eighth to all of a multiprocessor occupied."""
    on = {"registers": 40, "shared": 0, "spill_stores": 0, "spill_loads": 0, "blocks": 3, "limit": "registers"}
    found = {}
    for number in range(templates * instances):
        name = f"a_kernel_with_a_long_name_{number // instances}<__nv_bfloat16, {number % instances}, 128, 128, 32>"
        occupancy = (number % 8 + 1) / 8
        found[name] = {
            "file": "a.cu",
            "threads": 128,
            "on": {"sm_90": on | {"occupancy": occupancy}, "sm_100": "sm_90"},
        }
    return {"nvrtc": "13.0.1", "architectures": ["sm_90", "sm_100"], "kernels": found}


def little():
    """One layer without a peer, one with, and one planted bug: the least that has figures."""
    problem = Problem.parse("b2h16w16i8o16k3p1")
    alone = [layer("alone", problem, "forward", "float32", "im2col", 1e-4)]
    pair = [
        layer("pair", problem, "grad_input", "tf32", "im2col", 2e-4, peer="torch-cudnn", peer_seconds=1e-4),
        layer("pair", problem, "grad_input", "tf32", "torch-cudnn", 1e-4, role="peer"),
    ]
    bug = benchmark(1e-3, kind="bug", bug="one", law="crop", examples=1, seconds=1e-3)
    return {"synthetic-gpu-2026-01-01.json": file(GPU, alone + pair), "cpu-synthetic-2026-01-01.json": file(CPU, [bug])}


def write(folder, files=None):
    """Writes files, by their names, all runs if none are given; returns their paths."""
    files = runs() if files is None else files
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return [folder / name for name in files]


if __name__ == "__main__":
    write(Path(sys.argv[1]))
