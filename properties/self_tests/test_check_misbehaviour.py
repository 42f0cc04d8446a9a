"""`refconv check` on implementations that misbehave: a sentence each, and the other laws are still reported."""

import re
import textwrap
import time
from pathlib import Path

import pytest

from refconv.implementation import ImplementationError, load
from refconv.problem import Problem

pytestmark = pytest.mark.slow

PLANTED = Path(__file__).parent / "planted"

LAWS = ("index-sum", "repeat")
BRIEF = ("--dtype", "float32", "--examples", "15", "--seed", "1", *(word for law in LAWS for word in ("--law", law)))
PROBLEM = r"b\d+h\d+w\d+i\d+o\d+k\S+"

# What the law `index-sum` says of each.
SENTENCES = {
    "wrong_shape.py:Conv": r"grad_input returned shape \(.*\), but dX has shape \(.*\)",
    "wrong_dtype.py:Conv": r"forward returned dtype float64 for operands of dtype float32",
    "raises.py:Conv": r"grad_weight raised NotImplementedError: no dilation yet \(raises\.py:9\)",
    "writes_operands.py:Conv": r"forward wrote to its operand: w\[0,0,0,0\] was (-?\d+), and is -?\d+ afterwards",
    "returns_none.py:Conv": r"forward returned NoneType, not a NumPy array",
    "exits.py:FromPython": r"forward raised SystemExit: 3 \(exits\.py:12\)",
    "nondeterministic.py:Conv": r"Y\[.*\] = .*, but the index sum gives .*",
    "stale_memory.py:Conv": r"dX\[.*\] = .*, but the index sum gives 0.*",
}


@pytest.mark.parametrize("spec", SENTENCES)
def test_misbehaviour_is_a_broken_law_that_says_what_happened(check, spec):
    ran = check(spec, *BRIEF)
    assert ran.status == 1
    assert set(ran.verdicts) == set(LAWS)
    found = ran.counterexample("index-sum")
    assert re.match(SENTENCES[spec], found["explanation"][0])
    assert found["explanation"][0] in ran.out
    assert re.fullmatch(PROBLEM, found["problem"])


@pytest.mark.parametrize("spec", [spec for spec in SENTENCES if not spec.startswith(("stale", "nondet"))])
def test_misbehaviour_shrinks_like_any_other_fault(check, spec):
    minimal = {
        "wrong_shape.py:Conv": {"b1h2w1i1o1k1s2x1", "b1h1w2i1o1k1s1x2", "b1h1w1i1o1k1s2x1p0.1.0.0"},
        "raises.py:Conv": {"b1h3w1i1o1k2x1d2x1", "b1h1w3i1o1k1x2d1x2"},
        "exits.py:FromPython": {"b1h1w1i1o1k1s2x1", "b1h1w1i1o1k1s1x2", "b1h2w1i1o1k1s2x1", "b1h1w2i1o1k1s1x2"},
    }.get(spec, {"b1h1w1i1o1k1"})
    assert check(spec, *BRIEF).counterexample("index-sum")["problem"] in minimal


def test_writing_to_an_operand_breaks_every_law_that_calls(check):
    laws = ("fresh-memory", "repeat", "batch", "crop", "rounding")
    named = (word for law in laws for word in ("--law", law))
    ran = check("writes_operands.py:Conv", "--dtype", "float64", "--examples", "10", "--seed", "1", *named)
    assert ran.verdicts == dict.fromkeys(laws, "broken")
    assert all("forward wrote to its operand" in ran.counterexample(law)["explanation"][0] for law in laws)


def test_stale_memory_is_found(check):
    laws = ("--law", "fresh-memory", "--law", "crop")
    ran = check("stale_memory.py:Conv", "--dtype", "float64", "--examples", "40", "--seed", "1", *laws)
    assert ran.verdicts == {"fresh-memory": "broken", "crop": "broken"}
    assert "when fresh memory holds 0x41" in ran.counterexample("fresh-memory")["explanation"][0]
    assert "but no window reaches that pixel" in ran.counterexample("crop")["explanation"][0]


def test_what_differs_from_call_to_call_breaks_repeat(check):
    ran = check("nondeterministic.py:Conv", *BRIEF)
    assert ran.verdicts["repeat"] == "broken"
    assert "at the second call" in ran.counterexample("repeat")["explanation"][0]


def test_noise_stays_out_of_the_report(check):
    ran = check("prints.py:Conv", *BRIEF)
    assert ran.status == 0
    assert ran.verdicts == dict.fromkeys(LAWS, "held")
    assert "noise" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("never_returns_python", "forward did not return within 0.4 s on b1h4w5i3o5k1s3"),
        ("never_returns_c", "forward did not return within 0.4 s, and had to be killed"),
    ],
)
def test_a_call_that_never_returns_is_ended(check, name, told):
    started = time.monotonic()
    laws = ("--law", "index-sum", "--law", "output-size")
    ran = check(f"{name}.py:Conv", *laws, "--dtype", "float32", "--time-limit", "0.4", "--jobs", "2")
    assert time.monotonic() - started < 30
    assert ran.status == 1
    assert ran.verdicts == {"index-sum": "broken", "output-size": "broken"}
    for law in ran.verdicts:
        found = ran.counterexample(law)
        assert found["explanation"][0] == told
        assert "not shrunk" in found["explanation"][1]
        assert found["problem"] == "b1h4w5i3o5k1s3"  # the first of the named cases that has a stride


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("kills_process.py:Conv", "the process was killed by SIGSEGV while grad_input was running"),
        ("exits.py:FromC", "the process ended with status 1 while forward was running"),
    ],
)
def test_a_process_that_dies_is_a_broken_law_and_another_takes_over(check, spec, told):
    ran = check(spec, *BRIEF)
    assert ran.status == 1
    assert ran.verdicts == dict.fromkeys(LAWS, "broken")
    assert [ran.counterexample(law)["explanation"][0] for law in LAWS] == [told] * len(LAWS)


def test_after_a_fault_on_a_gpu_another_process_takes_over(check):
    laws = ("index-sum", "batch", "repeat")
    named = (word for law in laws for word in ("--law", law))
    ran = check("loses_the_gpu.py:Conv", "--dtype", "float32", "--examples", "15", "--seed", "1", *named)
    told = r"grad_input raised RuntimeError: cudaErrorIllegalAddress: .* \(loses_the_gpu.py:\d+\), and no GPU is left"
    for law, verdict in ran.verdicts.items():
        assert verdict == "broken"
        found = ran.counterexample(law)
        assert re.match(told, found["explanation"][0])
        assert max(Problem.parse(found["problem"]).stride) > 1  # not whatever came next, shrunk


def test_what_killed_a_process_does_so_again(check, refconv):
    command = check("kills_process.py:Conv", *BRIEF).counterexample("index-sum")["command"]
    again = refconv(*command.split()[1:])
    assert again.status == 1
    assert "killed by SIGSEGV while grad_input was running" in again.out


# -- what never gets as far as a law --------------------------------------------------------------


NO_LAWS = [
    ("does_not_import.py:Conv", r"NameError: name 'nmpy' is not defined \(does_not_import\.py:5\)"),
    ("no_operators.py:Conv", r"offers none of forward, grad_input, grad_weight"),
    ("right.py:Nobody", r"right\.py has no 'Nobody'"),
    ("nowhere.py:Conv", r"there is no file .*nowhere\.py"),
    ("nowhere:Conv", r"No module named 'nowhere'"),
    ("nowhere", r"'nowhere' is not a registered implementation \(.*windows.*\)"),
    ("windows:", r"must name an object after the colon"),
]


@pytest.mark.parametrize(("spec", "told"), NO_LAWS[:2])
def test_an_implementation_that_cannot_be_had_is_no_verdict(check, spec, told):
    ran = check(spec, *BRIEF)
    assert ran.status == 2
    assert re.search(told, ran.err)
    assert ran.err.startswith("refconv check: ")
    assert (ran.out, ran.report) == ("", None)


@pytest.mark.parametrize(("spec", "told"), NO_LAWS)
def test_what_cannot_be_had_is_told_by_name(spec, told):
    with pytest.raises(ImplementationError, match=told):
        load(f"{PLANTED}/{spec}" if ".py" in spec else spec)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("import sys; sys.exit('not today')", "SystemExit: not today (it.py:1)"),
        ("def (:", "SyntaxError"),
        ("class It:\n def __init__(self): raise OSError('no licence')", "OSError: no licence (it.py:2)"),
        (
            "class It:\n dtypes = 'float32'\n def forward(self, x, w, problem): pass",
            "must be a sequence of dtype names",
        ),
        ("class It:\n dtypes = ('float33',)\n def forward(self, x, w, problem): pass", "float33"),
        ("class It:\n dtypes = ('complex64',)\n def forward(self, x, w, problem): pass", "complex64"),
        ("class It:\n dtypes = ()\n def forward(self, x, w, problem): pass", "dtypes = ()"),
        ("class It:\n dtypes = 3\n def forward(self, x, w, problem): pass", "dtypes = 3"),
        ("class It:\n @property\n def forward(self): raise OSError('no licence')", "OSError: no licence"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_by_name(tmp_path, body, told):
    file = tmp_path / "it.py"
    file.write_text(body)
    with pytest.raises(ImplementationError) as caught:
        load(f"{file}:It")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("import os; os._exit(7)", "the process that loads the implementation ended with status 7"),
        ("import os; os.abort()", "the process that loads the implementation was killed by SIGABRT"),
        ("class It:\n dtypes = ('float33',)\n def forward(self, x, w, problem): pass", "float33"),
    ],
)
def test_a_file_that_cannot_be_used_is_no_verdict(check, tmp_path, body, told):
    file = tmp_path / "it.py"
    file.write_text(body)
    ran = check(f"{file}:It", "--examples", "2", "--law", "index-sum")
    assert ran.status == 2
    assert told in ran.err
    assert "INTERNALERROR" not in ran.err
    assert ran.out == ""


# -- ways to go wrong that are no ordinary exception ---------------------------------------------

ODD = """
import os, sys, threading, time, warnings
import numpy as np
from refconv import windows

class It:
    def forward(self, x, w, problem):
        if max(problem.stride) > 1:
            self.odd()
        return windows.forward(x, w, problem)

    def odd(self):
        {body}
"""


def odd(tmp_path, body):
    file = tmp_path / "it.py"
    file.write_text(ODD.format(body=textwrap.indent(textwrap.dedent(body), " " * 8).strip()))
    return f"{file}:It"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise BaseException('base')", "forward raised BaseException: base"),
        ("import pytest; pytest.skip('hm')", "forward raised Skipped: hm"),
        ("import hypothesis; hypothesis.reject()", "forward raised UnsatisfiedAssumption"),
        ("raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})", "forward raised E"),
        ("raise RuntimeError('[/red] one\\n' + 100 * 'two ')", "forward raised RuntimeError: [/red] one"),
        ("os._exit(0)", "the process ended with status 0 while forward was running"),
        ("os.chdir('/'); np.seterr(all='raise'); np.random.seed(0); warnings.warn('hm', DeprecationWarning)", None),
    ],
)
def test_oddities_are_told_or_do_no_harm(check, tmp_path, body, told):
    laws = ("--law", "index-sum", "--law", "repeat")
    ran = check(odd(tmp_path, body), "--dtype", "float32", "--examples", "5", "--seed", "1", *laws)
    assert ran.verdicts == dict.fromkeys(("index-sum", "repeat"), "broken" if told else "held")
    assert ran.status == (1 if told else 0)
    if told:
        assert ran.counterexample("index-sum")["explanation"][0].startswith(told)


def test_true_is_true_in_numpy_too(check, tmp_path):
    body = "pass\n\n    def supports(self, problem):\n        return np.bool_(True)"
    file = tmp_path / "it.py"
    file.write_text(ODD.format(body=body))
    ran = check(f"{file}:It", "--dtype", "float32", "--examples", "3", "--law", "index-sum")
    assert ran.verdicts == {"index-sum": "held"}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("1 / 0", "supports raised ZeroDivisionError: division by zero"),
        ("sum(iter(int, 1))", "supports did not return within 0.4 s"),
        ("os.abort()", "the process was killed by SIGABRT while supports was running"),
    ],
)
def test_supports_is_called_as_carefully_as_the_operators(check, tmp_path, answer, told):
    file = tmp_path / "it.py"
    file.write_text(ODD.format(body=f"pass\n\n    def supports(self, problem):\n        return {answer}"))
    ran = check(f"{file}:It", "--dtype", "float32", "--examples", "3", "--law", "index-sum", "--time-limit", "0.4")
    assert ran.status == 1
    assert ran.counterexample("index-sum")["explanation"][0].startswith(told)


@pytest.mark.parametrize(
    "rest",
    ["threading.Thread(target=time.sleep, args=(30,)).start()", "import atexit; atexit.register(time.sleep, 30)"],
)
def test_what_an_implementation_leaves_behind_does_not_hold_up_the_report(check, tmp_path, rest):
    started = time.monotonic()
    ran = check(odd(tmp_path, rest), "--dtype", "float32", "--examples", "3", "--law", "index-sum")
    assert time.monotonic() - started < 20
    assert ran.status == 0
    assert ran.verdicts == {"index-sum": "held"}


def test_a_masked_result_is_judged_by_what_it_holds(check, tmp_path):
    file = tmp_path / "it.py"
    file.write_text(
        "import numpy as np\n"
        "class It:\n"
        "    def forward(self, x, w, problem):\n"
        "        return np.ma.array(np.zeros(problem.y_shape, x.dtype), mask=True)\n"
    )
    ran = check(f"{file}:It", "--dtype", "float32", "--examples", "5", "--law", "index-sum")
    assert ran.verdicts == {"index-sum": "broken"}


def test_a_name_may_hold_anything(check, tmp_path):
    file = tmp_path / "it.py"
    file.write_text(ODD.format(body="pass").replace("class It:", "class It:\n    name = '[/bold] [red]é'\n"))
    ran = check(f"{file}:It", "--dtype", "float32", "--examples", "3", "--law", "index-sum")
    assert ran.status == 0
    assert "[/bold] [red]é" in ran.out
    assert ran.report["runs"][0]["implementation"] == "[/bold] [red]é"
