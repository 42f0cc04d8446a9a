"""The laws: each has a fault aimed at it that it catches, and none has a word against what is right."""

import re

import pytest
from law_faults import AIMED, AddsInHalfPrecision, CountsInSixteenBits, RefusesWithoutAReason, Right, RoundsOnceMore
from searches import LAWS, outcome, smallest, told

from refconv import index_sum, lowering, transposed, windows
from refconv.problem import Problem
from refconv_cuda.device import DeviceMissing, find
from refconv_cuda.launchers.implicit_gemm import SMALL, ImplicitGemm
from refconv_properties import search

pytestmark = pytest.mark.usefixtures("no_database")

# -- what is right --------------------------------------------------------------------------------

RIGHT = {"windows": windows, "lowering": lowering, "index-sum": index_sum, "transposed": transposed}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("law", LAWS)
def test_what_is_right_holds(law, name, dtype, monkeypatch):
    if law == "limits" and name != "windows" and dtype != "float32":
        pytest.skip("once is enough for what takes so long")
    expected = "skipped" if reason_to_skip(law, name, dtype) else "held"
    seeds, examples = (3, 20) if name == "windows" else (1, 8)
    for seed in range(seeds):
        found = outcome(law, RIGHT[name], dtype=dtype, examples=examples, seed=seed)
        assert (found.verdict, told(found)) == (expected, None)
        monkeypatch.setattr(search, "CASES", {})  # they are the same for every seed


def reason_to_skip(law, name, dtype):
    return (
        law in ("schedule", "variants")
        or (law == "rounding" and dtype == "int64")
        or (law in ("adjoint", "unit-step") and name == "transposed")
    )


def test_no_false_alarm_with_twenty_seeds(monkeypatch):
    monkeypatch.setattr(search, "CASES", {})  # they are the same for every seed
    alarms = []
    for seed in range(100, 120):
        for law in sorted(set(LAWS) - {"limits"}):  # whose problems are the same for every seed
            found = outcome(law, windows, seed=seed, examples=6, dtype=("float32", "float64")[seed % 2])
            if found.verdict == "broken":
                alarms.append((law, seed, found.counterexample))
    assert alarms == []


def test_no_false_alarm_of_our_kernels_with_twenty_seeds(monkeypatch):
    try:
        kernels = ImplicitGemm(tile=SMALL, device_=find("simulator"))
    except DeviceMissing as reason:
        pytest.skip(str(reason))
    monkeypatch.setattr(search, "CASES", {})
    alarms = []
    for seed in range(100, 120):
        for law in list(LAWS)[seed % 4 :: 4]:
            found = outcome(law, kernels, seed=seed, examples=4, device="simulator")
            if found.verdict == "broken":
                alarms.append((law, seed, found.counterexample))
    assert alarms == []


# -- what is wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(("law", "fault", "sentence"), AIMED, ids=lambda value: getattr(value, "__name__", value))
def test_a_law_catches_what_is_aimed_at_it(law, fault, sentence):
    device = "simulator" if law == "schedule" else "host"
    found = outcome(law, fault(), device=device, examples=200)
    assert found.verdict == "broken"
    assert sentence in told(found)
    assert Problem.parse(found.counterexample.problem).multiplications <= 32
    # And it is the fault that it catches.
    assert outcome(law, Right(), device=device, examples=5, problems=[smallest(found)]).verdict != "broken"


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (CountsInSixteenBits, "Y[0,65536,0,0] = 0, but the vectorised index sum gives"),
        (RefusesWithoutAReason, "forward refused b65537h1w1i1o1k1 without a reason"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_limits_are_kept_or_refused_with_a_reason(fault, sentence):
    found = outcome("limits", fault())
    assert found.verdict == "broken"
    assert sentence in told(found)


def test_a_refusal_with_a_reason_keeps_the_limits():
    class Refuses(Right):
        def forward(self, x, w, problem):
            if max(x.size, w.size) > 65535:
                raise ValueError("too large for this kernel")
            return windows.forward(x, w, problem)

    assert outcome("limits", Refuses()).verdict == "held"


def test_every_law_has_a_fault_aimed_at_it():
    assert set(LAWS) - {law for law, _, _ in AIMED} == {"limits"}  # which has its own above


@pytest.mark.parametrize("law", LAWS)
def test_every_law_says_what_it_is_and_what_it_kills(law):
    assert LAWS[law].name == law
    assert LAWS[law].formula
    assert LAWS[law].kills
    assert LAWS[law].trust
    assert LAWS[law].seen
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", bug) for bug in LAWS[law].seen)
    assert law == law.lower()
    assert " " not in law


@pytest.mark.parametrize("law", [law for law in LAWS if not LAWS[law].reference])
def test_a_law_without_a_reference_judges_by_the_implementation_alone(law, monkeypatch):
    class Forbidden:
        pad = staticmethod(windows.pad)

        def __getattr__(self, name):
            raise AssertionError(f"{law} looks up {name}")

    body = LAWS[law].body
    for name in ("windows", "index_sum", "lowering"):
        if name in body.__globals__:
            monkeypatch.setitem(body.__globals__, name, Forbidden())
    device = "simulator" if law == "schedule" else "host"
    right = Right()
    right.variants = {"itself": Right()}
    assert outcome(law, right, device=device, examples=10).verdict == "held"
    faults = [fault for aimed, fault, _ in AIMED if aimed == law]
    assert [outcome(law, fault(), device=device).verdict for fault in faults] == ["broken"] * len(faults)


@pytest.mark.parametrize("fault", [AddsInHalfPrecision, RoundsOnceMore], ids=lambda fault: fault.__name__)
def test_rounding_tells_a_narrower_format(fault):
    target = fault()
    if target.grad_input is None:
        target = type("Forward", (), {"forward": staticmethod(target.forward)})()
    assert outcome("rounding", target).verdict == "broken"


def test_rounding_does_not_tell_an_order_of_summation():
    class Backwards:
        def forward(self, x, w, problem):
            parts = x[..., ::-1] if problem.groups == 1 else x
            weights = w[:, :, ::-1] if problem.groups == 1 else w
            return windows.forward(parts, weights, problem)

    assert outcome("rounding", Backwards()).verdict == "held"
