"""`refconv check` finds what is planted, on a problem for pencil and paper, and nothing where nothing is."""

import shlex
from pathlib import Path

import pytest

import refconv as package
from refconv.problem import Problem
from refconv_properties.plugin import OURS
from refconv_properties.search import SEEDS

SMALL = ("--dtype", "float32", "--examples", "40", "--seed", "3")

# Each planted fault, the laws that must see it, and the most multiplications of the problem that is left of it.
# A slice of the kernel is 8 terms long, so that a fault between slices needs 9.
FAULTS = {
    "dropped remainder": ("dropped_remainder.py:Conv", ("index-sum", "adjoint", "subsample", "transpose"), 2),
    "swapped padding": ("swapped_padding.py:Conv", ("index-sum", "adjoint", "explicit-pad", "crop"), 8),
    "missing barrier": ("missing_barrier.py:WithoutTheFirst", ("index-sum", "schedule", "fresh-memory", "batch"), 3),
    "late barrier": ("missing_barrier.py:WithoutTheLast", ("index-sum", "schedule", "batch"), 36),
}
HELD = {"dropped remainder": "unit-step", "swapped padding": "batch", "missing barrier": "output-size"}


def checked(check, fault):
    spec, laws, _ = FAULTS[fault]
    laws = (*laws, HELD.get(fault, "output-size"))
    return check(spec, *SMALL, *(word for law in laws for word in ("--law", law)))


def deviations(problem):
    """The fields in which a problem differs from one pixel, one channel, one tap."""
    simplest = Problem.parse("b1h1w1i1o1k1")
    return [name for name in problem.__dataclass_fields__ if getattr(problem, name) != getattr(simplest, name)]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_by_the_laws_that_are_made_for_it(check, fault):
    ran = checked(check, fault)
    assert ran.status == 1
    assert ran.verdicts == dict.fromkeys(FAULTS[fault][1], "broken") | {HELD.get(fault, "output-size"): "held"}
    assert "BROKEN" in ran.out


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_left_of_a_fault_is_for_pencil_and_paper(check, fault):
    ran = checked(check, fault)
    _, laws, most = FAULTS[fault]
    problems = {law: Problem.parse(ran.counterexample(law)["problem"]) for law in laws}
    assert sorted(problem.multiplications for problem in problems.values())[-2] <= most  # all but one
    # Where a search begins depends on the constants that Hypothesis finds in the modules of this checkout, and from
    # some beginnings one law's shrinking ends a step early: with a padding that only a wider input would replace.
    wide = {law: str(p) for law, p in problems.items() if p.multiplications > 2 * most or len(deviations(p)) > 5}
    assert wide == {}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_explanation_names_one_element_and_both_values(check, fault):
    ran = checked(check, fault)
    first, *_ = ran.counterexample("index-sum")["explanation"]
    name = "dX" if fault == "dropped remainder" else "Y"
    assert first.startswith(f"{name}[")
    assert ", but the index sum gives " in first
    assert first in ran.out


@pytest.mark.parametrize("fault", ["dropped remainder", "late barrier"])
def test_the_printed_command_shows_the_same_again(check, refconv, fault):
    ran = checked(check, fault)
    commands = [line.partition("again: ")[2] for line in ran.out.splitlines() if "again: " in line]
    told = [ran.counterexample(law) for law in FAULTS[fault][1]]
    assert sorted(commands) == sorted(found["command"] for found in told)
    found = ran.counterexample("index-sum")
    program, *arguments = shlex.split(found["command"])
    assert program == "refconv"
    again = refconv(*arguments)
    assert again.status == 1
    assert found["explanation"][0] in again.out
    assert "index-sum" in again.out
    assert f"seed {found['seed']}" in again.out


def test_the_kernel_with_both_barriers_holds(check):
    ran = check("missing_barrier.py:WithBoth", "--examples", "15", "--jobs", "2")
    assert ran.status == 0
    assert set(ran.verdicts.values()) == {"held", "skipped"}
    assert ran.verdicts["schedule"] == "held"
    untold = {"adjoint", "transposed-forms", "second-order", "variants"}
    assert {law for law, verdict in ran.verdicts.items() if verdict == "skipped"} == untold
    # The simulator refuses views instead of misreading them: no fault, and no example.
    assert ran.laws["views"]["rejected"] > 0


def test_an_independent_right_one_holds(check):
    ran = check("right.py:Conv", "--examples", "15", "--jobs", "2")
    assert ran.status == 0
    assert "held: all " in ran.out
    assert "BROKEN" not in ran.out
    assert ran.err == ""
    runs = {run["dtype"]: run for run in ran.report["runs"]}
    assert set(runs) == {"float32", "float64"}
    for run in runs.values():
        assert run["verdict"] == "held"
        verdicts = {entry["law"]: entry["verdict"] for entry in run["laws"]}
        assert {law for law, verdict in verdicts.items() if verdict != "held"} == {"schedule", "variants"}
        assert len(verdicts) > 10


@pytest.mark.parametrize(
    ("spec", "law", "told"),
    [
        ("only_forward.py:Conv", "adjoint", "neither of grad_input, grad_weight offered"),
        ("only_forward.py:Conv", "index-sum", None),
        ("float64_only.py:Conv", "index-sum", None),
        ("supports_some.py:Conv", "index-sum", None),
        ("supports_some.py:Conv", "subsample", "supports none of the problems tried: stride above 1"),
    ],
)
def test_what_is_not_offered_is_skipped_with_its_reason(check, spec, law, told):
    laws = ("--law", "adjoint", "--law", "index-sum", "--law", "subsample")
    ran = check(spec, "--examples", "4", "--seed", "1", *laws)
    assert ran.status == 0
    for run in ran.report["runs"]:
        entries = {entry["law"]: entry for entry in run["laws"]}
        assert run["verdict"] == "held"
        assert (entries[law]["verdict"], entries[law]["reason"]) == (("skipped", told) if told else ("held", None))
    assert told is None or told in ran.out


def test_nothing_tested_is_not_a_success(check):
    ran = check("supports_none.py:Conv", "--examples", "5", "--law", "index-sum", "--dtype", "float32")
    assert ran.status == 2
    assert "nothing was tested" in ran.out
    assert "the moon is not full" in ran.out
    assert ran.report["runs"][0]["verdict"] == "not offered"


def test_dtypes_that_are_not_offered_are_not_tested(check):
    ran = check("float64_only.py:Conv", "--examples", "2", "--law", "index-sum")
    assert [run["dtype"] for run in ran.report["runs"]] == ["float64"]
    ran = check("float64_only.py:Conv", "--dtype", "float32", "--law", "index-sum")
    assert ran.status == 2
    assert "float64" in ran.err


def test_the_report_has_the_keys_of_the_contract_and_no_others(check):
    ran = checked(check, "dropped remainder")
    assert set(ran.report) == {"version", "seed", "runs"}
    assert ran.report["version"] == package.__version__
    assert ran.report["seed"] == 3
    [run] = ran.report["runs"]
    assert set(run) == {"implementation", "spec", "device", "dtype", "verdict", "vacuous", "coverage", "laws"}
    assert (run["implementation"], run["device"], run["dtype"]) == ("dropped_remainder.py:Conv", "host", "float32")
    assert run["spec"].endswith("planted/dropped_remainder.py:Conv")
    assert run["verdict"] == "broken"
    for entry in run["laws"]:
        assert set(entry) == {"law", "verdict", "examples", "rejected", "seconds", "reason", "counterexample"}
        assert entry["verdict"] in ("held", "broken", "skipped", "vacuous")
        assert type(entry["examples"]) is int
        assert entry["seconds"] >= 0
        assert entry["reason"] is None
        assert (entry["counterexample"] is not None) == (entry["verdict"] == "broken")
    found = ran.counterexample("index-sum")
    assert set(found) == {"problem", "seed", "command", "explanation"}
    assert str(Problem.parse(found["problem"])) == found["problem"]
    assert found["command"] == (
        f"refconv check {found['problem']} --impl {run['spec']} --dtype float32 --law index-sum --seed {found['seed']}"
    )
    assert all(type(sentence) is str for sentence in found["explanation"])


def test_the_same_seed_finds_the_same(check):
    laws = ("--law", "adjoint", "--law", "batch")
    first = check("dropped_remainder.py:Conv", *SMALL, *laws)
    second = check("dropped_remainder.py:Conv", *SMALL, *laws, "--jobs", "2")
    for entry in (*first.laws.values(), *second.laws.values()):
        del entry["seconds"]
        if entry["counterexample"]:
            del entry["counterexample"]["explanation"][
                1:
            ]  # the diagnosis has a time limit, and is shorter on a busy machine
    assert first.report == second.report


def test_without_a_seed_one_is_drawn_and_told(check):
    arguments = ("--examples", "1", "--law", "output-size", "--dtype", "float32")
    ran = [check("right.py:Conv", *arguments), check("right.py:Conv", *arguments, "--profile", "ci")]
    seeds = [one.report["seed"] for one in ran]
    assert seeds[0] != seeds[1]
    assert [f"seed {seed}" in one.out for seed, one in zip(seeds, ran, strict=True)] == [True, True]


def test_given_problems_are_the_only_ones(check):
    laws = ("--law", "index-sum", "--law", "crop", "--dtype", "float32")
    ran = check("dropped_remainder.py:Conv", "b1h5w7i3o4k3s2p1", "b2h2w2i1o1k1", *laws)
    assert ran.status == 0
    assert ran.laws["index-sum"]["examples"] == 2 * len(SEEDS)
    assert ran.verdicts["crop"] == "skipped"  # no remainder in either
    ran = check("dropped_remainder.py:Conv", "b1h5w7i3o4k3s2p1", "b1h1w1i1o1k1s2x1p0.1.0.0", *laws)
    assert ran.status == 1
    assert ran.counterexample("index-sum")["problem"] == "b1h1w1i1o1k1s2x1p0.1.0.0"


@pytest.mark.parametrize(("wrong", "result"), [("forward", "Y"), ("grad_input", "dX"), ("grad_weight", "dW")])
def test_a_given_problem_is_tried_with_each_operator(refconv, tmp_path, wrong, result):
    file = tmp_path / "biased.py"
    file.write_text(
        "from refconv import windows\n"
        "class Conv:\n"
        "    forward = staticmethod(windows.forward)\n"
        "    grad_input = staticmethod(windows.grad_input)\n"
        "    grad_weight = staticmethod(windows.grad_weight)\n"
        f"    def {wrong}(self, *operands): return windows.{wrong}(*operands) + 1\n"
    )
    ran = refconv("check", "b2h3w4i2o2k2", "--impl", f"{file}:Conv", "--law", "bilinear")  # judges one operator each
    assert ran.status == 1
    assert f"{result}(2A+B,C)[0,0,0,0] = " in ran.out


def test_without_an_implementation_it_checks_our_kernels(refconv):
    ran = refconv("check", "b1h5w4i3o2k3s2p1", "--law", "index-sum", "--device", "simulator", "--dtype", "float32")
    assert ran.status == 0
    assert all(name in ran.out for name in (*OURS, "simulator"))
    assert f"in {len(OURS)} runs" in ran.out


def test_several_implementations_stand_side_by_side(check):
    others = ("--impl", "windows", "--dtype", "float32", "--law", "index-sum", "--examples", "20", "--seed", "1")
    ran = check("dropped_remainder.py:Conv", *others)
    assert ran.status == 1
    assert {run["implementation"]: run["verdict"] for run in ran.report["runs"]} == {
        "dropped_remainder.py:Conv": "broken",
        "windows": "held",
    }


def test_without_rich_the_same_is_told_without_a_table(refconv, tmp_path):
    (tmp_path / "rich.py").write_text("raise ModuleNotFoundError(\"No module named 'rich'\", name='rich')\n")
    spec = str(Path(__file__).parent / "planted/swapped_padding.py:Conv")
    laws = ("--law", "index-sum", "--law", "bilinear", "--dtype", "float32")
    command = ("check", "b1h3w4i1o1k2p1.0.0.1", "--impl", spec, *laws)
    plain, usual = (refconv(*command, PYTHONPATH=path) for path in (str(tmp_path), None))
    assert plain.status == usual.status == 1
    *counterexample, run, hint, summary, seed = plain.out.splitlines()
    assert counterexample == usual.out.splitlines()[: len(counterexample)]
    assert run.startswith("swapped_padding.py:Conv on host, float32: broken (")
    assert f"bilinear held {len(SEEDS)}" in run
    assert hint == "without rich there is no table: pip install rich"
    assert [summary, seed] == usual.out.splitlines()[-2:]
