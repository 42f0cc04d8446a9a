"""`reports/on_gpu.py`: steps in their time boxes; what needs a GPU, on a fake CuPy and a fake compute-sanitizer."""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import time
import tomllib
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import on_gpu
import pytest
from gpu_run import boxed, checkout, corpus, sanitizer, steps, unavailable
from gpu_run.steps import COULD_NOT, RIGHT, WRONG, Machine, Outcome, Step

from refconv import cli
from refconv.implementation import Implementation
from refconv.problem import OPERATORS
from refconv_cuda.convolution import implicit_gemm

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, str(ROOT / "reports/on_gpu.py"))


def run(*arguments, **variables):
    """The command as it is typed."""
    environment = {**os.environ, **variables}
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, env=environment, check=False, timeout=60
    )


# -- without a GPU ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "status"), [((), 2), (("--if-any",), 0)])
def test_without_a_gpu_nothing_runs_and_it_says_so(tmp_path, options, status):
    (tmp_path / "cupy.py").write_text("raise ImportError('not here')\n")
    ran = run(*options, "--out", str(tmp_path / "out"), PYTHONPATH=str(tmp_path))
    assert (ran.returncode, ran.stdout) == (status, "")
    assert ran.stderr.startswith("on_gpu: NOTHING RAN ON A GPU: the gpu device needs CuPy (not here): ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("budget", ["0", "-5", "soon", "inf", "nan"])
def test_a_budget_that_is_none_is_refused(budget):
    ran = run("--budget", budget)
    assert ran.returncode == 2
    assert f"'{budget}' must be a number of seconds above 0" in ran.stderr


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    ran = run("--device", "simulator", "--step", "facts", "--out", str(tmp_path / "file"))
    assert ran.returncode == 2
    assert f"on_gpu: cannot write {tmp_path / 'file'}" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_cupy_that_does_not_answer_is_no_gpu(monkeypatch):
    monkeypatch.setattr(on_gpu, "ANSWER", 0.01)
    assert on_gpu._no_gpu(dict(os.environ)) == "CuPy has not answered for 0 s"


# -- a checkout that is not installed ---------------------------------------------------------------------------------


def test_a_bare_checkout_registers_what_an_installed_one_does(tmp_path):
    environment = checkout.environment(tmp_path)
    [found] = metadata.distributions(name="refconv", path=[str(tmp_path)])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for group, points in {**project["entry-points"], "console_scripts": project["scripts"]}.items():
        assert {point.name: point.value for point in found.entry_points if point.group == group} == points
    assert found.version == checkout.version()
    folders = environment["PYTHONPATH"].split(os.pathsep)
    assert all(str(folder) in folders for folder in (tmp_path, ROOT, ROOT / "cuda", ROOT / "properties"))
    assert {"im2col", "implicit-gemm"} <= set(checkout.kernels())


@pytest.mark.parametrize("said", ["", "/somewhere"])
def test_cupy_keeps_what_it_compiles_where_it_can_be_written(tmp_path, monkeypatch, said):
    monkeypatch.setenv("CUPY_CACHE_DIR", said)
    assert checkout.environment(tmp_path)["CUPY_CACHE_DIR"] == (said or str(tmp_path / "cupy"))


def test_results_logs_and_summary_come_home_in_one_archive(tmp_path):
    archive = tmp_path / "elsewhere" / "all.tar.gz"
    options = ("--device", "simulator", "--step", "facts", "--step", "certify", "--budget", "12")
    ran = run(*options, "--out", str(tmp_path), "--archive", str(archive))
    assert ran.returncode == 0, ran.stderr
    with tarfile.open(archive) as tar:
        files = {Path(member.name).name: tar.extractfile(member) for member in tar.getmembers() if member.isfile()}
        assert {
            "facts.json",
            "facts.log",
            "certify.log",
            "certify-auto-forward.json",
            "summary.json",
            "summary.txt",
        } <= set(files)
        assert json.load(files["facts.json"])["refconv"] == checkout.version()
        layers = json.load(files["certify-auto-forward.json"])["layers"]
        assert {row["verdict"] for row in layers} <= {"held", "skipped"}
        summary = json.load(files["summary.json"])
    assert [(step["step"], step["status"]) for step in summary] == [("facts", 0), ("certify", 0)]
    assert summary[1]["seconds"] < 12 + boxed.GRACE
    assert ran.stdout.splitlines()[-1].endswith(str(archive))


# -- time boxes -------------------------------------------------------------------------------------------------------


def boxed_python(tmp_path, code, seconds):
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    log = tmp_path / "log"
    command = [sys.executable, "-c", code]
    [ran] = boxed.run([command], log, seconds=seconds, environment=environment, label="test")
    return ran, log.read_text()


def test_a_command_that_ends_in_time(tmp_path):
    ran, log = boxed_python(tmp_path, "import sys; print('a'); print('b', file=sys.stderr); sys.exit(3)", 30)
    assert (ran.status, ran.late, log) == (3, False, "a\nb\n")
    assert boxed.last_line(tmp_path / "log") == "b"


def test_a_command_that_is_late_may_keep_what_it_has(tmp_path):
    code = (
        "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('kept')\n    raise SystemExit(7)"
    )
    ran, log = boxed_python(tmp_path, code, 1)
    assert (ran.status, ran.late, log) == (7, True, "kept\n")
    assert ran.seconds < 30


def test_a_command_that_will_not_end_is_killed_with_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr(boxed, "GRACE", 0.5)
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid)\n"
        "time.sleep(60)\n"
    )
    ran, log = boxed_python(tmp_path, code, 2)
    assert (ran.status, ran.late) == (-9, True)
    status = Path(f"/proc/{int(log)}/stat")
    for _ in range(50):
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the child lives on")


def test_a_run_that_is_killed_interrupts_its_command(tmp_path):
    command = (
        "import sys, time\n"
        "print('begun', flush=True)\n"
        "try:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('kept', flush=True)\n"
    )
    log = tmp_path / "log"
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom gpu_run import boxed\n"
        f"boxed.run([[sys.executable, '-c', {command!r}]], Path({str(log)!r}), seconds=60,\n"
        "          environment=dict(os.environ), label='test')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "reports")}
    with subprocess.Popen([sys.executable, "-c", script], env=environment, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: log.exists() and "begun" in log.read_text())
        process.kill()
    wait_for(lambda: "kept" in log.read_text())


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


# -- the run ----------------------------------------------------------------------------------------------------------


def wait_for_ever(machine, seconds):
    raise KeyboardInterrupt


def fail(machine, seconds):
    raise ZeroDivisionError("a fault of the step's own")


def judged(outcome):
    return lambda machine, seconds: outcome


@pytest.mark.parametrize(
    ("runs", "verdicts", "status"),
    [
        ([judged(Outcome(RIGHT, "")), judged(Outcome(RIGHT, "", late=True))], ["right", "right, cut short"], 0),
        ([judged(Outcome(COULD_NOT, "")), judged(Outcome(RIGHT, ""))], ["could not run", "right"], 2),
        ([judged(Outcome(WRONG, "")), judged(Outcome(COULD_NOT, ""))], ["WRONG", "could not run"], 1),
        ([fail, judged(Outcome(RIGHT, ""))], ["could not run", "right"], 2),
        ([judged(Outcome(WRONG, "")), wait_for_ever, fail], ["WRONG", "could not run"], 130),
    ],
    ids=["right", "one could not run", "one is wrong", "one fails itself", "interrupted"],
)
def test_each_step_is_tried_and_the_status_says_the_worst(tmp_path, monkeypatch, capsys, runs, verdicts, status):
    made = tuple(Step(f"step{number}", "a step", 1.0, step) for number, step in enumerate(runs))
    monkeypatch.setattr(on_gpu, "STEPS", made)
    monkeypatch.setattr(sys, "argv", ["on_gpu.py", "--device", "simulator", "--out", str(tmp_path)])
    assert on_gpu.main() == status
    [archive] = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        [summary] = [member for member in tar.getmembers() if member.name.endswith("summary.json")]
        assert [step["verdict"] for step in json.load(tar.extractfile(summary))] == verdicts
    told = capsys.readouterr()
    assert ("ZeroDivisionError: a fault of the step's own" in told.out) == (fail in runs[:1])


def test_what_is_told_of_a_step_is_one_line():
    assert Outcome(WRONG, "first\nsecond").told == "first"
    assert Outcome(WRONG, "x" * 400).told == "x" * steps.MOST_TOLD + " ..."


def test_time_that_a_step_leaves_is_the_others(tmp_path, monkeypatch):
    boxes = []
    step = Step("quick", "a step", 1.0, lambda machine, seconds: boxes.append(seconds) or Outcome(RIGHT, ""))
    monkeypatch.setattr(on_gpu, "STEPS", (step, step, step))
    options = argparse.Namespace(step=[])
    on_gpu._steps(options, Machine("simulator", tmp_path, {}), tmp_path / "a.tar.gz", time.monotonic() + 90)
    assert [round(box, -1) for box in boxes] == [30, 40, 90]  # a third of 90, half of 90, all of 90


class Recorded(Machine):
    """Takes down the commands, and writes what they would: a report for each ``--json`` or ``--out``."""

    reports: tuple = ()
    status = 0

    def python(self, seconds, *commands):
        return [
            self.ran(arguments[2:]) if arguments[1] == "refconv" else self.asked(arguments) for arguments in commands
        ]

    def asked(self, arguments):
        assert arguments[:3] == ["-m", "gpu_run.unavailable", "gpu"]
        missing = {"implicit-gemm": {"bfloat16": "bfloat16 arrays need ml_dtypes"}}
        Path(arguments[3]).write_text(json.dumps(missing))
        return boxed.Ran(0, 1.0, False)

    def ran(self, arguments):
        cli._parser().parse_args(arguments)  # or SystemExit
        self.commands = [*getattr(self, "commands", []), arguments]
        reports = {"implementations": self.implementations, **dict(self.reports)}
        file = next((Path(after) for word, after in pairwise(arguments) if word == "--json"), None)
        if file and arguments[0] in reports:
            file.write_text(json.dumps(reports[arguments[0]]))
        return boxed.Ran(self.status, 1.0, self.status == 130)

    implementations = {  # noqa: RUF012
        "implementations": [
            {"implementation": "im2col", "dtypes": ["float32", "float64"]},
            {"implementation": "implicit-gemm", "dtypes": ["float32", "float64", "bfloat16"]},
            {"implementation": "windows", "dtypes": ["float32"]},
            {"implementation": "auto", "unavailable": "because"},
        ]
    }


@pytest.fixture
def machine(tmp_path):
    """A machine that only takes down what it is told."""
    machine = Recorded("gpu", tmp_path, {})
    machine.log = tmp_path / "log"
    machine.log.write_text("last words\n")
    return machine


def laws(*verdicts):
    entries = [{"law": f"law{number}", "verdict": verdict} for number, verdict in enumerate(verdicts)]
    return {"runs": [{"implementation": "im2col", "dtype": "float32", "laws": entries}]}


@pytest.mark.parametrize(
    ("report", "status", "outcome", "told"),
    [
        (
            laws("held", "skipped"),
            0,
            RIGHT,
            "1 held with 50 examples; 1 held with 400 examples; 1 held with 3000 examples; some not in bfloat16",
        ),
        (laws("held", "broken"), 1, WRONG, "broken: law1 on im2col float32"),
        (laws("held", "broken"), 130, WRONG, "broken: law1 on im2col float32"),
        (laws("held"), 130, RIGHT, "1 held with 50 examples; some not in bfloat16"),
        ({"runs": []}, 130, COULD_NOT, "last words"),
        ({}, 2, COULD_NOT, "im2col, implicit-gemm: last words"),
        (laws("held"), 2, COULD_NOT, "im2col, implicit-gemm: last words"),
    ],
)
def test_the_laws_are_judged_by_the_report(machine, report, status, outcome, told):
    machine.reports, machine.status = (("check", report),), status
    found = steps.check(machine, 1000.0)
    assert (found.status, found.told) == (outcome, told)
    # All of our kernels that there are, in the dtypes that there are.
    [_, first, *_] = machine.commands
    words = [word for flag, word in pairwise(first) if flag in ("--impl", "--dtype")]
    assert words == ["im2col", "implicit-gemm", "float32", "float64"]


def test_formats_that_cannot_be_had_here_are_named(monkeypatch):
    lacks = "bfloat16 arrays need CuPy 14 or later"
    device = SimpleNamespace(architecture=90, lacks=lambda dtype: lacks if dtype == "bfloat16" else None)
    monkeypatch.setattr(unavailable, "load", lambda name, device_: described(name))

    def described(name):
        target = implicit_gemm.at(device)
        return Implementation(name, target.name, "gpu", target.dtypes, OPERATORS, target)

    assert unavailable.unavailable("it", "gpu") == {"bfloat16": f"implicit-gemm in bfloat16: {lacks}"}


@pytest.mark.parametrize(
    ("verdicts", "status", "outcome", "told"),
    [
        (("held", "skipped"), 0, RIGHT, "auto: 3 held on 1 layers"),
        (("held", "broken"), 1, WRONG, "auto: forward of vgg: because"),
        (("held",), 130, RIGHT, "auto: 3 held on 1 layers"),
        ((), 1, WRONG, "auto: last words"),
        (("skipped",), 2, COULD_NOT, "auto: last words"),
    ],
)
def test_certificates_are_judged_by_the_report(machine, verdicts, status, outcome, told):
    rows = [{"layer": "vgg", "operator": "forward", "verdict": verdict, "reason": "because"} for verdict in verdicts]
    machine.reports, machine.status = (("certify", {"layers": rows}),), status
    found = steps.certify(machine, 1000.0)
    assert (found.status, found.told.split(";")[0]) == (outcome, told)


class Benching(Recorded):
    """Says of each benchmark what is next, and keeps one case of it."""

    said: tuple = ()

    def ran(self, arguments):
        cli._parser().parse_args(arguments)
        self.commands = [*getattr(self, "commands", []), arguments]
        status, said = self.said[len(self.commands) - 1]
        with self.log.open("a") as log:
            log.write(said)
        file = Path(next(after for word, after in pairwise(arguments) if word == "--out"))
        refconv = {"machine": "nvidia-h200"}
        stored = {"benchmarks": [1], "machine_info": {"refconv": refconv}, "datetime": "2026-01-02T03:04:05"}
        file.write_text(json.dumps(stored))
        return boxed.Ran(status, 1.0, False)


FAULT = "WRONG: vgg_1-grad_input-tf32-auto: CUDARuntimeError: cudaErrorIllegalAddress\n"
LOST = "not measured: 7 cases, because the GPU is lost since vgg_1-grad_input-tf32-torch-cudnn: cudaError\n"
HUNG = "WRONG: rn50-a_2-forward-float32-auto did not end within 120 s, so this process ends\n"
ONE, TWO = "nvidia-h200-2026-01-02.json", "nvidia-h200-2026-01-02-2.json"


@pytest.mark.parametrize(
    ("said", "after", "outcome", "told", "files"),
    [
        ([(0, "a table\n")], [], RIGHT, "1 cases measured", [ONE]),
        (
            [(1, "WRONG: vgg_1-forward-tf32-auto: off\na table\n")],
            [],
            WRONG,
            "WRONG: vgg_1-forward-tf32-auto: off",
            [ONE],
        ),
        (
            [(1, f"{LOST}{FAULT}a table\n"), (0, "a table\n")],
            ["vgg_1"],
            WRONG,
            "WRONG: vgg_1-grad_input-tf32-auto: CUDARuntimeError: cudaErrorIllegalAddress; 2 cases measured",
            [ONE, TWO],
        ),
        ([(0, f"{LOST}a table\n"), (0, "a table\n")], ["vgg_1"], RIGHT, "2 cases measured", [ONE, TWO]),
        ([(1, HUNG), (0, "a table\n")], ["rn50-a_2"], WRONG, f"{HUNG.strip()}; 2 cases measured", [ONE, TWO]),
    ],
    ids=["right", "wrong", "a fault", "a peer's fault", "an endless kernel"],
)
def test_behind_what_takes_a_benchmark_along_another_begins(tmp_path, said, after, outcome, told, files):
    machine = Benching("gpu", tmp_path, {})
    machine.log, machine.said = tmp_path / "log", said
    found = steps.bench(machine, 400.0)
    assert found.status == outcome
    assert found.told.startswith(told)
    assert [word for command in machine.commands for flag, word in pairwise(command) if flag == "--after"] == after
    assert sorted(file.name for file in tmp_path.glob("*.json")) == sorted(files)


# -- compute-sanitizer ------------------------------------------------------------------------------------------------

MEMCHECK = """========= COMPUTE-SANITIZER
========= Invalid __global__ read of size 4 bytes
=========     at shift(const float *, float *, int)+0x90 in shift.cu:12
=========     by thread (31,0,0) in block (0,0,0)
=========     Address 0x7f0000000080 is out of bounds
=========     Saved host backtrace up to driver entry point at kernel launch time
=========         Host Frame: [0x2a1234] in libcuda.so.1
=========
========= Invalid __global__ write of size 4 bytes
=========     at shift(const float *, float *, int)+0xa0 in shift.cu:13
========= ERROR SUMMARY: 2 errors
"""
RACECHECK = """========= COMPUTE-SANITIZER
========= Error: Race reported between Write access at across_warps(const int *, int *)+0x130 in across_warps.cu:14
=========     and Read access at across_warps(const int *, int *)+0x1a0 in across_warps.cu:18 [128 hazards]
=========
========= RACECHECK SUMMARY: 1 hazard displayed (1 error, 0 warnings)
"""
CLEAN = "========= COMPUTE-SANITIZER\n========= ERROR SUMMARY: 0 errors\n"
REFUSED = "========= COMPUTE-SANITIZER\n========= Error: Device not supported. Please refer to the release notes\n"


@pytest.mark.parametrize(
    ("text", "reports", "finished", "complaint"),
    [
        (MEMCHECK, ["Invalid __global__ read, shift.cu:12", "Invalid __global__ write, shift.cu:13"], True, ""),
        (RACECHECK, ["Race reported between Write access, across_warps.cu:14"], True, ""),
        (CLEAN, [], True, ""),
        (REFUSED, [], False, "Error: Device not supported. Please refer to the release notes"),
        ("", [], False, ""),
    ],
    ids=["memcheck", "racecheck", "clean", "refused", "empty"],
)
def test_what_a_log_says(text, reports, finished, complaint):
    log = sanitizer.read(text)
    assert [str(report) for report in log.reports] == reports
    assert (log.finished, log.complaint) == (finished, complaint)


CUPY = """
import os
import time
from types import SimpleNamespace
import numpy as np
from fake_gpu import as_cupy_takes_it
from refconv_cuda import simulator


class ndarray(np.ndarray):
    pass


TOOL, LOG = os.environ.get("FAKE_TOOL"), os.environ.get("FAKE_LOG")
asarray = lambda array: np.array(array).view(ndarray)
asnumpy = np.array
empty = lambda *shape_and_dtype: simulator.empty(*shape_and_dtype).view(ndarray)
ignored = lambda *arguments: None


def fault():
    raise RuntimeError("cudaErrorIllegalAddress: an illegal memory access was encountered")


runtime = SimpleNamespace(
    CUDARuntimeError=RuntimeError,
    deviceSynchronize=ignored,
    getDeviceCount=lambda: 1,
    driverGetVersion=lambda: 13000,
    runtimeGetVersion=lambda: 13000,
    getDeviceProperties=lambda number: {"name": b"A fake GPU", "major": 9, "minor": 0, "multiProcessorCount": 132},
)
cuda = SimpleNamespace(runtime=runtime, set_allocator=ignored, set_pinned_memory_allocator=ignored)
cuda.get_cuda_path = ignored
cuda.nvrtc = SimpleNamespace(getVersion=lambda: (13, 0))
__version__ = "14.2.0"


class RawModule:
    def __init__(self, *, code, options, name_expressions):
        as_cupy_takes_it(options, (), (), (), ndarray)
        options = [option for option in options if option.startswith("-D")]
        self._names = name_expressions
        self._module = simulator.RawModule(code=code, options=options, name_expressions=self._names, check=bool(TOOL))

    def get_function(self, name):
        assert name in self._names  # CuPy finds a kernel of C++ by no other name
        kernel = self._module.get_function(name)

        def launch(grid, block, args, shared_mem=0):
            if name == os.environ.get("FAKE_FAULT"):
                runtime.deviceSynchronize = fault
            if name == os.environ.get("FAKE_ENDLESS"):
                time.sleep(60)
            as_cupy_takes_it((), grid, block, args, ndarray)
            runtime.deviceSynchronize()
            try:
                kernel(grid, block, args, shared_mem=shared_mem)
            except simulator.KernelError as error:
                if error.tool == TOOL and TOOL != os.environ.get("FAKE_DEAF"):
                    with open(LOG, "a") as log:
                        print(f"========= Found: {error.finding.kind}", file=log)
                        print(f"=========     in {error.finding.file}:{error.finding.line}", file=log)

        return launch
"""
COMPUTE_SANITIZER = """#!{python}
import os, subprocess, sys
tool, log = (sys.argv[sys.argv.index(option) + 1] for option in ("--tool", "--log-file"))
open(log, "w").write("========= COMPUTE-SANITIZER\\n")
if os.environ.get("FAKE_REFUSAL"):
    open(log, "a").write("========= Error: Device not supported\\n")
    sys.exit(1)
launched = sys.argv[sys.argv.index({python!r}):]
status = subprocess.run(launched, env=dict(os.environ, FAKE_TOOL=tool, FAKE_LOG=log)).returncode
open(log, "a").write("========= ERROR SUMMARY: as above\\n".replace("as above", "0 errors"))
sys.exit(status)
"""
PAIRS = ("racecheck/across_warps", "memcheck/read_past_the_end", "memcheck/endless_loop")


@pytest.fixture
def fake_gpu(tmp_path, monkeypatch):
    """A CuPy, and maybe a compute-sanitizer, of the simulator's making, for `gpu_run.corpus`."""
    folder = tmp_path / "fake"
    folder.mkdir()
    (folder / "cupy.py").write_text(CUPY)
    environment = checkout.environment(tmp_path / "metadata")
    path = os.pathsep.join([str(folder), environment["PYTHONPATH"]])
    for name in ("CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)

    def compare(*names, installed=True, **variables):
        if installed:
            script = folder / "compute-sanitizer"
            script.write_text(COMPUTE_SANITIZER.format(python=sys.executable))
            script.chmod(0o755)
        for name, value in {"PYTHONPATH": path, "PATH": f"{folder}:{os.environ['PATH']}", **variables}.items():
            monkeypatch.setenv(name, value)
        runner = corpus.Runner("gpu", 60.0, tmp_path / "logs", names)
        if names:
            runner.run()
        return runner.comparison

    return compare


def test_both_find_the_faults_and_no_twin(fake_gpu):
    comparison = fake_gpu(*PAIRS)
    rows = comparison.rows
    assert {name: (row.twin, row.twin_reported) for name, row in rows.items() if not row.note} == {
        name: ("right", []) for name in PAIRS[:2]
    }
    assert all(rows[name].sanitizer == [f"Found: {rows[name].simulator}"] for name in PAIRS[:2])
    assert rows["memcheck/endless_loop"].sanitizer is None
    assert (comparison.status, comparison.wrong, comparison.notes) == (0, [], [])
    table = corpus.table(comparison, "compute-sanitizer").splitlines()
    assert "of 2 faulty kernels compute-sanitizer found 2, the simulator 2, both 2" in table


def test_what_compute_sanitizer_does_not_find_is_no_fault_of_ours(fake_gpu):
    comparison = fake_gpu("racecheck/across_warps", FAKE_DEAF="racecheck")
    assert comparison.rows["racecheck/across_warps"].sanitizer == []
    assert comparison.status == 0
    told = "of 1 faulty kernels compute-sanitizer found 0, the simulator 1, both 0"
    assert told in corpus.table(comparison, "compute-sanitizer").splitlines()


def test_a_compute_sanitizer_that_does_not_work_here_says_why(fake_gpu):
    comparison = fake_gpu("racecheck/across_warps", FAKE_REFUSAL="yes")
    row = comparison.rows["racecheck/across_warps"]
    assert (row.twin, row.sanitizer) == ("right", None)
    refused = "compute-sanitizer --tool racecheck did not come to an end: Error: Device not supported"
    assert refused in comparison.notes
    assert comparison.status == 0


def test_the_facts_of_a_gpu(fake_gpu, tmp_path):
    fake_gpu(installed=False)
    ran = run("--step", "facts", "--out", str(tmp_path / "out"), "--archive", str(tmp_path / "facts.tar.gz"))
    assert ran.returncode == 0, ran.stderr
    assert "A fake GPU, Python " in ran.stdout
    [file] = tmp_path.glob("out/*/facts.json")
    told = json.loads(file.read_text())
    assert (told["gpu"], told["compute_capability"], told["nvrtc"]) == ("A fake GPU", "9.0", [13, 0])
    assert told["properties"] == {"multiProcessorCount": 132}


def test_without_compute_sanitizer_the_twins_run(fake_gpu, monkeypatch):
    monkeypatch.setattr(sanitizer, "find", lambda: None)
    comparison = fake_gpu("racecheck/across_warps", installed=False)
    assert comparison.rows["racecheck/across_warps"].twin == "right"
    assert comparison.notes == ["compute-sanitizer is not installed: the faulty kernels were not run"]
    assert comparison.status == 0


RACES = ("racecheck/across_warps", "racecheck/atomic_and_plain_read", "racecheck/atomic_then_plain_write")


def test_a_twin_that_faults_is_the_only_one_to_blame(fake_gpu, monkeypatch):
    monkeypatch.setattr(sanitizer, "find", lambda: None)
    [faulty] = [pair.kernel for pair in corpus.PAIRS if f"{pair.tool}/{pair.name}" == RACES[1]]
    comparison = fake_gpu(*RACES, installed=False, FAKE_FAULT=faulty)
    first, second, third = (comparison.rows[name].twin for name in RACES)
    assert (first, third) == ("right", "right")
    assert second.startswith("raised: RuntimeError: cudaErrorIllegalAddress")
    assert comparison.wrong == [f"the right twin of {RACES[1]} is {second}"]


def test_after_a_twin_that_does_not_end_come_the_others(fake_gpu, monkeypatch):
    monkeypatch.setattr(sanitizer, "find", lambda: None)
    monkeypatch.setattr(corpus.Runner, "_left", lambda self: 10.0)
    [endless] = [pair.kernel for pair in corpus.PAIRS if f"{pair.tool}/{pair.name}" == RACES[1]]
    comparison = fake_gpu(*RACES, installed=False, FAKE_ENDLESS=endless)
    assert [comparison.rows[name].twin for name in RACES] == ["right", None, "right"]
    assert f"the right twin of {RACES[1]} did not come to its end: not done within 5 s" in comparison.notes


def test_a_twin_that_is_reported_or_wrong_is_a_fault():
    row = corpus.Row("racecheck/x", "race", twin="right", twin_reported=["Race, x.cu:3"])
    assert corpus.Comparison({"racecheck/x": row}).wrong == [
        "compute-sanitizer reports the right twin of racecheck/x: Race, x.cu:3"
    ]
    wrong = corpus.Comparison({"racecheck/x": corpus.Row("racecheck/x", "race", twin="wrong: y is not x")})
    assert (wrong.status, wrong.wrong) == (1, ["the right twin of racecheck/x is wrong: y is not x"])
    assert corpus.Comparison({"racecheck/x": corpus.Row("racecheck/x", "race")}).status == 2
