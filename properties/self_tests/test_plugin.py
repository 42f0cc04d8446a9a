"""The laws under plain pytest, and the plugin in projects that have nothing to do with them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PLANTED = Path(__file__).parent / "planted"
SUITE = ("--pyargs", "refconv_properties", "-p", "no:cacheprovider")
LAWS = ("index-sum", "adjoint", "output-size", "batch")
BRIEF = ("--conv-dtype", "float32", "--conv-examples", "20", "--conv-seed", "2", "--conv-database", "none")
BRIEF += tuple(word for law in LAWS for word in ("--conv-law", law))


def run_pytest(folder, *arguments):
    """pytest in a process of its own, in a folder that is not ours."""
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def table(out):
    """The rows of the table of laws, and what is below it."""
    _, _, below = out.partition(" laws of convolution =")
    rows = [" ".join(line.split()) for line in below.splitlines()]
    return sorted(row for row in rows[1:] if row.split(" ")[0] in (*LAWS, "verdict", "held:", "BROKEN:", "seed"))


def test_a_right_one_passes(tmp_path):
    done = run_pytest(tmp_path, *SUITE, "--impl", f"{PLANTED}/right.py:Conv", *BRIEF, "-W", "error")
    assert done.returncode == 0, done.stdout
    assert f"refconv: {PLANTED}/right.py:Conv on device auto, seed 2" in done.stdout
    rows = table(done.stdout)
    assert [row.split()[:2] for row in rows if row.split()[0] in LAWS] == [[law, "held"] for law in sorted(LAWS)]
    assert "seed 2 (--conv-seed)" in rows
    assert "4 passed" in done.stdout


def test_a_broken_one_fails_and_xdist_says_the_same(tmp_path):
    reports = [tmp_path / "one.json", tmp_path / "two.json"]
    arguments = (*SUITE, "--impl", f"{PLANTED}/dropped_remainder.py:Conv", *BRIEF)
    alone, spread = (
        run_pytest(tmp_path, *arguments, "--conv-json", str(report), *more)
        for report, more in zip(reports, ((), ("-n", "2")), strict=True)
    )
    assert (alone.returncode, spread.returncode) == (1, 1)
    assert table(alone.stdout) == table(spread.stdout)
    assert {row.split()[0]: row.split()[1] for row in table(alone.stdout) if row.split()[0] in LAWS} == {
        "index-sum": "broken",
        "adjoint": "broken",
        "output-size": "held",
        "batch": "held",
    }
    assert ", but the index sum gives " in alone.stdout
    assert "Traceback" not in alone.stdout + alone.stderr
    assert "search.py" not in alone.stdout  # whoever reads this has no use for our frames

    def content(report):
        written = json.loads(report.read_text())
        [run] = written["runs"]
        run["laws"].sort(key=lambda entry: entry["law"])
        for entry in run["laws"]:
            del entry["seconds"]
        return written

    assert content(reports[0]) == content(reports[1])


def test_one_engine_for_both(tmp_path, check):
    report = tmp_path / "report.json"
    spec = f"{PLANTED}/dropped_remainder.py:Conv"
    run_pytest(tmp_path, *SUITE, "--impl", spec, *BRIEF, "--conv-json", str(report))
    laws = tuple(word for law in LAWS for word in ("--law", law))
    ran = check("dropped_remainder.py:Conv", "--dtype", "float32", "--examples", "20", "--seed", "2", *laws)
    [run] = json.loads(report.read_text())["runs"]
    # The same laws break. What Hypothesis draws, and so the example, depends on more than the seed: at times it takes
    # a constant of some module that is loaded, and the two load different ones.
    assert {entry["law"]: entry["verdict"] for entry in run["laws"]} == ran.verdicts
    for entry in run["laws"]:
        if entry["verdict"] == "broken":
            found = entry["counterexample"]
            seed = ("--dtype", "float32", "--seed", str(found["seed"]))
            again = check("dropped_remainder.py:Conv", found["problem"], "--law", entry["law"], *seed)
            assert again.counterexample(entry["law"]) == found


def test_given_problems(tmp_path):
    arguments = (*SUITE, "--impl", f"{PLANTED}/dropped_remainder.py:Conv", "--conv-law", "index-sum")
    done = run_pytest(tmp_path, *arguments, "--conv-problem", "b1h1w1i1o1k1s2x1p0.1.0.0")
    assert done.returncode == 1
    assert "dX[0,0,0,0] = 0, but the index sum gives " in done.stdout
    assert run_pytest(tmp_path, *arguments, "--conv-problem", "b1h5w5i2o3k3p1").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--impl", f"{PLANTED}/does_not_import.py:Conv"), "NameError: name 'nmpy' is not defined"),
        (("--impl", "windows", "--conv-dtype", "float99"), "not for float99"),
        (("--impl", "windows", "--conv-law", "nope"), "law 'nope' must be one of "),
        (("--impl", "windows", "--conv-problem", "b1h1w1i1o1k2"), "kernel height = 2 must fit"),
        (("--impl", "windows", "--conv-law", "batch", "--conv-examples", "0"), "at least 1"),
    ],
)
def test_a_wrong_option_is_a_usage_error_in_one_sentence(tmp_path, arguments, told):
    done = run_pytest(tmp_path, *SUITE, *arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr


def test_the_usual_options_of_pytest_work(tmp_path):
    done = run_pytest(tmp_path, *SUITE, "--impl", "windows", "--conv-examples", "2", "-k", "adjoint and float64", "-v")
    assert done.returncode == 0
    assert "test_adjoint[windows-host-float64] PASSED" in done.stdout
    assert "1 passed" in done.stdout


# -- other people's projects ----------------------------------------------------------------------

OWN = """
import pytest
from hypothesis import given, settings
from refconv import Problem, windows, index_sum
from refconv_properties import strategies


@pytest.fixture(scope="session")
def conv():
    return windows


@settings(max_examples=20, deadline=None)
@given(strategies.operands(strategies.problems(max_multiplications=200)))
def test_mine(conv, drawn):
    problem, operands = drawn
    assert (conv.forward(operands.x, operands.w, problem) == index_sum.forward(operands.x, operands.w, problem)).all()


@settings(max_examples=20, deadline=None)
@given(problem=strategies.problems())
def test_wrong(problem):
    assert problem.remainder == (0, 0)
"""


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
def test_someone_elses_tests_may_use_the_strategies_and_a_fixture_named_conv(tmp_path, mode):
    (tmp_path / "test_own.py").write_text(OWN)
    done = run_pytest(tmp_path, "-W", "error", f"--import-mode={mode}")
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "laws of convolution" not in done.stdout
    assert "Problem.parse('b1h" in done.stdout or "problem=Problem(" in done.stdout


def test_a_project_without_laws_does_not_notice_the_plugin(tmp_path):
    (tmp_path / "test_other.py").write_text(
        "import sys\n\n\n"
        "def test_little_is_imported():\n"
        "    assert 'refconv_properties.plugin' in sys.modules\n"
        "    heavy = ('numpy', 'rich', 'refconv_properties.search', 'refconv_properties.report', 'refconv_cuda')\n"
        "    assert [name for name in heavy if name in sys.modules] == []\n"
    )
    done = run_pytest(tmp_path, "-W", "error")
    assert done.returncode == 0, done.stdout
    assert "refconv:" not in done.stdout
    assert "laws of convolution" not in done.stdout
