"""`refconv bench` as a user runs it: right results are timed and kept, wrong ones are not; and what else may happen."""

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import environment

from refconv import cli
from refconv.layers import Layer
from refconv.problem import Problem
from refconv_reports.bench import choose, command, results
from refconv_reports.bench.choose import Limits, Wanted
from refconv_reports.bench.contest import Contest, Refused, WrongResult
from refconv_reports.bench.contestants import Field
from refconv_reports.bench.run import Run, prepared

TINY = "b1h5w5i2o3k3p1"
RIGHT = """
from refconv import windows

class Conv:
    name = "mine"

    def forward(self, x, w, problem):
        return windows.forward(x, w, problem)
"""
WRONG = RIGHT.replace(
    "return windows.forward(x, w, problem)", "y = windows.forward(x, w, problem); y[0, 1, 2, 0] += 1; return y"
)
RAISES = RIGHT.replace("return windows.forward(x, w, problem)", "raise RuntimeError('out of order')")
SLOW = "import time\n" + RIGHT.replace("return", "time.sleep(0.2); return")


@pytest.fixture
def mine(tmp_path):
    """Writes an implementation, and returns what ``--impl`` takes."""

    def write(text):
        (tmp_path / "mine.py").write_text(text)
        return f"{tmp_path / 'mine.py'}:Conv"

    return write


def short(*arguments):
    """``refconv bench`` on the CPU, on a tiny problem beside the oracle."""
    return ("bench", TINY, "--device", "cpu", "--operator", "forward", "--peer", "windows", *map(str, arguments))


@pytest.fixture(scope="module")
def stored(tmp_path_factory, refconv):
    """What a right run prints, and what it keeps."""
    file = tmp_path_factory.mktemp("bench") / "run.json"
    return refconv(*short("--impl", "lowering", "--impl", "index-sum", "--out", file)), json.loads(file.read_text())


def slip(benchmark):
    """How far a figure made of the durations may be from one made of the stored median, relatively.

    pytest-benchmark stores differences of a clock that each duration moves on (`timing.HandedOver`). To move it rounds
    by at most half a unit in the last place of where it ends; four more roundings are those of the figures.
    """
    stats = benchmark["stats"]
    return math.ulp(stats["total"]) / stats["median"] + 4 * sys.float_info.epsilon


def test_a_right_run(stored):
    ran, kept = stored
    assert ran.status == 0
    assert f"{TINY} forward float32 ..." in ran.err
    assert "3 of 3 cases, in " in ran.err
    assert all(word in ran.out for word in ("median", "x peer", "lowering", "index-sum", TINY))
    assert {"machine_info", "commit_info", "benchmarks", "datetime", "version"} <= kept.keys()
    windows, lowering, index_sum = kept["benchmarks"]
    assert [each["extra_info"]["role"] for each in kept["benchmarks"]] == ["peer", "oracle", "oracle"]
    assert windows["extra_info"]["peer"] is None
    for each in (lowering, index_sum):
        info, median = each["extra_info"], each["stats"]["median"]
        assert info["peer"] == "windows"
        assert info["peer_ratio"] == pytest.approx(
            windows["stats"]["median"] / median, rel=slip(windows) + slip(each), abs=0
        )
        assert (info["kind"], info["timer"], info["certified"]) == ("layer", "wall", True)
        assert (info["problem"], info["operator"], info["dtype"]) == (TINY, "forward", "float32")
        assert info["gflop"] == 2 * Problem.parse(TINY).multiplications / 1e9
        assert info["tflops"] == pytest.approx(info["gflop"] / median / 1000, rel=slip(each), abs=0)
        assert info["roofline_s"] is info["roofline_fraction"] is info["kernel"] is info["tile"] is None
        assert info["peer_ratio"] < 100


def test_the_machine_is_told_and_the_host_is_not(stored):
    _, kept = stored
    told = kept["machine_info"]["refconv"]
    assert told["device"] == "cpu"
    assert told["machine"].startswith("cpu-")
    assert (told["gpu"], told["peak"], told["compute_capability"]) == (None, None, None)
    assert told["cores"] >= 1
    assert kept["machine_info"].keys().isdisjoint({"node", "release"})


def test_the_oracle_is_slower_literally_than_vectorised(stored):
    _, kept = stored
    windows, _, index_sum = (each["stats"]["median"] for each in kept["benchmarks"])
    assert windows < index_sum


def test_a_wrong_result_has_no_time(refconv, mine, tmp_path):
    file = tmp_path / "run.json"
    ran = refconv(*short("--impl", mine(WRONG), "--out", file))
    assert ran.status == 1
    assert f"WRONG: {TINY}-forward-float32-mine: mine is wrong on {TINY}: Y[0,1,2,0] = " in ran.err
    kept = [each["extra_info"]["implementation"] for each in json.loads(file.read_text())["benchmarks"]]
    assert kept == ["windows"]
    assert "mine" not in ran.out
    assert "mine" in ran.err


def peer_that_is_off(monkeypatch, by):
    """A contest, and the case of a peer whose first element is off by so much."""
    field = Field("cpu")
    wanted = Wanted((TINY,), operators=["forward"], peers=["lowering"], implementations=["windows"])
    [case, _] = choose.plan(wanted, field).cases
    call = field["lowering"].call

    def off(*arguments):
        result = call(*arguments)
        result[0, 0, 0, 0] += by
        return result

    monkeypatch.setattr(field["lowering"], "call", off)
    return Contest(field, seconds=0.01), case


def test_nor_has_a_wrong_peer(monkeypatch):
    contest, case = peer_that_is_off(monkeypatch, 1e6)
    with pytest.raises(WrongResult, match=r"lowering is wrong on b1h5w5i2o3k3p1: Y\[0,0,0,0\] = "):
        contest.measure(case)
    contest, case = peer_that_is_off(monkeypatch, float("nan"))
    with pytest.raises(WrongResult, match=r"lowering is wrong on b1h5w5i2o3k3p1: Y\[0,0,0,0\] = nan"):
        contest.measure(case)


def test_a_peer_that_rounds_more_is_measured_and_says_so(monkeypatch):
    contest, case = peer_that_is_off(monkeypatch, 0.25)
    info = contest.measure(case).info
    assert info["certified"] is False
    assert info["inexact"].startswith("Y[0,0,0,0] = ")


def test_an_implementation_that_raises_fails(refconv, mine, tmp_path):
    ran = refconv(*short("--impl", mine(RAISES), "--out", tmp_path / "run.json"))
    assert ran.status == 1
    assert "RuntimeError: out of order" in ran.err


def test_a_peer_that_raises_does_not(refconv, mine, tmp_path):
    arguments = ("bench", TINY, "--device", "cpu", "--operator", "forward", "--impl", "windows")
    ran = refconv(*arguments, "--peer", mine(RAISES), "--out", str(tmp_path / "run.json"))
    assert ran.status == 0
    assert "not measured: mine raised RuntimeError: out of order" in ran.err


def test_without_rich(capsys, monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    assert cli.main(list(short("--impl", "lowering", "--out", tmp_path / "run.json"))) == 0
    said = capsys.readouterr()
    header, first, second = said.out.splitlines()
    assert header == f"{'layer':14}  operator  dtype    implementation  " + header.partition("implementation  ")[2]
    assert header.split()[4:] == ["median", "GFLOP/s", "GB/s", "x", "peer"]  # no roof is known
    assert first.split()[:4] == [TINY, "forward", "float32", "windows"]
    assert second.split()[0] == "lowering"
    assert f"{TINY} forward float32 ..." in said.err


def test_an_earlier_run_is_compared(stored, refconv, tmp_path):
    _, kept = stored
    earlier = tmp_path / "earlier.json"
    earlier.write_text(json.dumps(kept))
    ran = refconv(*short("--impl", "lowering", "--compare", earlier, "--out", tmp_path / "now.json"))
    assert ran.status == 0
    assert "x earlier" in ran.out


@pytest.mark.parametrize(
    ("name", "there"), [("cpu", "Another CPU"), ("cores", 1000), ("device", "gpu")], ids=["cpu", "cores", "device"]
)
def test_another_machine_is_not(stored, refconv, tmp_path, name, there):
    _, kept = stored
    other = {**kept, "machine_info": {"refconv": {**kept["machine_info"]["refconv"], name: there}}}
    earlier = tmp_path / "earlier.json"
    earlier.write_text(json.dumps(other))
    ran = refconv(*short("--compare", earlier, "--out", tmp_path / "now.json"))
    assert ran.status == 2
    assert f"figures of different machines are not compared: {name} is " in ran.err
    assert not (tmp_path / "now.json").exists()


def test_two_kinds_of_gpu_are_two_machines(stored):
    _, kept = stored
    here = {"device": "gpu", "gpu": "NVIDIA H200", "compute_capability": "9.0", "cpu": "A", "cores": 16}
    kept = {**kept, "machine_info": {"refconv": {**here, "cpu": "B", "cores": 8}}}
    assert results.medians(kept, here)
    kept["machine_info"]["refconv"]["gpu"] = "NVIDIA H100 80GB HBM3"
    with pytest.raises(results.CannotCompare, match=r"gpu is NVIDIA H200 here, and NVIDIA H100 80GB HBM3 there"):
        results.medians(kept, here)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot read"),
        ("{", "is no JSON"),
        ("[]", "is no result of pytest-benchmark"),
        ('{"benchmarks": []}', "does not say what machine"),
    ],
)
def test_what_is_no_result_is_refused(capsys, tmp_path, text, words):
    earlier = tmp_path / "earlier.json"
    if text is not None:
        earlier.write_text(text)
    assert cli.main(list(short("--compare", earlier, "--out", tmp_path / "now.json"))) == 2
    said = capsys.readouterr().err
    assert words in said
    assert str(earlier) in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "'nonsense' is no layer of the table, and no problem"),
        ([TINY, "--dtype", "float8"], "dtype 'float8' must be one of float64, float32, tf32"),
        ([TINY, "--impl", "nonsense"], "'nonsense' is not a registered implementation"),
        ([TINY, "--peer", "nonsense"], "'nonsense' is not a registered implementation"),
        ([TINY, "--impl", "transposed", "--peer", "transposed", "--operator", "forward"], "transposed has no forward"),
        ([TINY, "--layers", "nowhere.csv"], "cannot read nowhere.csv"),
        ([TINY, "--out", "/proc/nowhere/run.json"], "cannot write /proc/nowhere/run.json"),
        ([TINY, "--out", "/"], "cannot write /: "),
    ],
)
def test_what_cannot_be_run_is_refused_in_a_sentence(capsys, arguments, words):
    peer = [] if "--peer" in arguments else ["--peer", "windows"]
    assert cli.main(["bench", "--device", "cpu", *arguments, *peer]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("refconv bench: ")
    assert words in said.err
    assert said.out == ""


def test_a_gpu_that_is_not_there(capsys, monkeypatch):
    from refconv_cuda import cupy_wheels

    monkeypatch.setattr(cupy_wheels, "unavailable", lambda: "there is no GPU")
    assert cli.main(["bench", TINY, "--device", "gpu"]) == 2
    assert capsys.readouterr().err == "refconv bench: there is no GPU\n"


def test_without_pytest_benchmark(capsys, monkeypatch):
    find = cli.bench.importlib.util.find_spec
    monkeypatch.setattr(
        cli.bench.importlib.util,
        "find_spec",
        lambda name, *more: None if name == "pytest_benchmark" else find(name, *more),
    )
    assert cli.main(["bench", TINY]) == 2
    assert capsys.readouterr().err == "refconv bench: this needs pytest-benchmark: pip install 'refconv[bench]'\n"


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no /dev/full")
def test_a_full_disk(refconv):
    ran = refconv(*short("--impl", "lowering", "--out", "/dev/full"))
    assert ran.status == 2
    assert "cannot write /dev/full: No space left on device" in ran.err
    assert "lowering" in ran.out  # what was measured is told all the same


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no /dev/full")
@pytest.mark.parametrize(("reader", "status"), [("| head -1", 0), ("> /dev/full", 2)], ids=["head", "full"])
def test_a_table_that_nobody_reads_to_its_end(tmp_path, reader, status):
    command = " ".join(("refconv", *short("--impl", "lowering", "--out", tmp_path / "run.json")))
    script = f"{command} {reader}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert ("cannot write the table: No space left on device" in done.stderr) == (status == 2)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert (tmp_path / "run.json").exists()


def test_an_interruption_before_anything_is_measured(capsys, monkeypatch):
    def interrupted(*arguments, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "prepared", interrupted)
    assert cli.main(list(short())) == 130
    assert capsys.readouterr().err == "refconv bench: interrupted\n"


def test_an_interrupted_run_keeps_what_it_has(mine, tmp_path):
    file = tmp_path / "run.json"
    command = ["refconv", "bench", TINY, "b1h6w6i2o3k3", "b1h7w7i2o3k3", "--device", "cpu", "--operator", "forward"]
    command += ["--peer", "windows", "--impl", mine(SLOW), "--out", str(file)]
    with subprocess.Popen(
        command, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr:
            if line.startswith("b1h6w6"):
                break
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "refconv bench: interrupted" in err
    assert "Traceback" not in out + err
    kept = [each["extra_info"]["problem"] for each in json.loads(file.read_text())["benchmarks"]]
    assert kept[:2] == [TINY, TINY]
    assert "b1h7w7i2o3k3" not in kept
    assert TINY in out


def test_a_run_that_is_killed_has_kept_what_it_had(mine, tmp_path):
    file = tmp_path / "run.json"
    command = ["refconv", "bench", TINY, "b1h6w6i2o3k3", "--device", "cpu", "--operator", "forward"]
    command += ["--peer", "windows", "--impl", mine(SLOW), "--out", str(file)]
    with subprocess.Popen(
        command, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr:
            if line.startswith("b1h6w6"):
                break
        process.kill()
        process.communicate(timeout=30)
    stored = results.read(file)
    assert stored["benchmarks"][0]["extra_info"]["implementation"] == "windows"
    assert stored["benchmarks"][0]["stats"]["median"] > 0
    assert {"machine_info", "commit_info", "benchmarks", "datetime", "version"} <= stored.keys()


def test_a_budget(monkeypatch, capsys, tmp_path):
    wanted = Wanted((TINY,), operators=["forward"], peers=["windows"], implementations=["lowering"])
    run = prepared(wanted, "cpu", seconds=1e6)
    first, second = run.cases
    assert run.measure(first).case.name == "windows"
    run.seconds = 0.0
    with pytest.raises(Refused, match=r"the 0 s are over"):
        run.measure(second)
    assert (len(run.measured), run.too_late) == (1, 1)

    assert cli.main(list(short("--seconds", "0.001", "--out", tmp_path / "run.json"))) == 2
    said = capsys.readouterr().err
    assert "cases, for which there was no time" in said
    assert said.endswith("refconv bench: nothing was measured\n")
    assert not (tmp_path / "run.json").exists()


def test_the_same_twice_is_measured_once_and_two_of_a_name_are_two():
    field = Field("cpu")
    wanted = Wanted((TINY, TINY), operators=["forward"], peers=["windows"], implementations=["lowering"])
    found = choose.plan(wanted, field)
    assert len(found.cases) == 2
    twice = choose.Plan((*found.cases, dataclasses.replace(found.cases[1], spec="another.py:lowering")))
    run = Run(twice, Contest(field))
    assert [case.spec for case in run.cases.values()] == ["windows", "lowering", "another.py:lowering"]


def test_a_run_may_begin_behind_a_layer():
    field = Field("cpu")
    wanted = Wanted((TINY, "b1h6w6i2o3k3", "b1h7w7i2o3k3"), peers=["windows"], implementations=["lowering"])
    found = choose.plan(dataclasses.replace(wanted, after="b1h6w6i2o3k3"), field)
    assert {case.layer.name for case in found.cases} == {"b1h7w7i2o3k3"}
    with pytest.raises(ValueError, match=r"--after nowhere must be one of the layers: b1h5w5i2o3k3p1, b1h6w6i2o3k3, "):
        choose.plan(dataclasses.replace(wanted, after="nowhere"), field)


def test_the_default_is_a_short_run():
    plan = choose.plan(Wanted(), Field("cpu"))
    layers = {case.layer.name: case.layer for case in plan.cases}
    assert len(layers) == len({choose.family(layer) for layer in layers.values()}) >= 6
    assert all(2 * layer.problem.multiplications <= choose.SCALED["cpu"].flop for layer in layers.values())
    assert {"windows", "lowering", "transposed", "index-sum"} <= {case.name for case in plan.cases}
    assert all(2 * c.layer.problem.multiplications < 2e6 for c in plan.cases if c.name == "index-sum")


def test_a_layer_is_scaled_until_it_fits_or_left_out():
    layer = Layer("it", Problem.parse("b64h56w56i64o64k3p1"))
    small = choose.scaled(layer, "float32", Limits(2**20, 1e8))
    assert 2 * small.problem.multiplications <= 1e8
    assert small.problem.w_shape == layer.problem.w_shape
    assert "batch 64 to 1" in small.changes
    assert choose.scaled(layer, "float32", Limits(1000)) is None


def test_files_are_named_by_machine_and_date(tmp_path):
    from datetime import date

    day = date(2026, 11, 28)
    first = results.free_name(tmp_path, "nvidia-h200", day)
    assert first.name == "nvidia-h200-2026-11-28.json"
    first.touch()
    assert results.free_name(tmp_path, "nvidia-h200", day).name == "nvidia-h200-2026-11-28-2.json"


def test_the_layers_that_come_with_it():
    assert choose.table().is_file()


def test_under_pytest_itself(tmp_path):
    # Without the command: the default run of this machine, of which one case is enough.
    pytest.importorskip("pytest_benchmark")
    command = [sys.executable, "-m", "pytest", "--pyargs", "refconv_reports.bench", "-c", os.devnull, "-q"]
    command += ["-p", "no:cacheprovider", "-p", "refconv_reports.bench.plugin", "-p", "no:xdist"]
    command += ["-k", "tiny_2x16x16x8-forward-float32-windows", f"--benchmark-json={tmp_path / 'run.json'}"]
    done = subprocess.run(
        command, env=environment(PYTEST_XDIST_WORKER=None), capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    kept = results.read(tmp_path / "run.json")
    assert [each["extra_info"]["implementation"] for each in kept["benchmarks"]] == ["windows"]
