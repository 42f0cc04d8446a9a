"""Real bugs, planted once more: every one is found, and what is right is left in peace."""

import re
from pathlib import Path

import numpy as np
import pytest
from bugs import BUGS, THEMES
from bugs.conv import Conv, Gathered, Transposed
from bugs.cuda import Direct
from bugs.finding import search, subject
from bugs.not_planted import NOT_PLANTED
from bugs.right import RIGHT

from refconv import exact, index_sum
from refconv.problem import OPERANDS, OPERATORS, Problem
from refconv_cuda.device import DeviceMissing, find
from refconv_properties import search as engine
from refconv_properties.cases import CASES
from refconv_properties.laws import catalogue
from refconv_properties.search import PROFILES, Plan, Searching

LAWS = catalogue()
BLOCKS = {made.__name__: made for made in (Conv, Transposed, Gathered)}


def simulated(bug):
    """Skips what needs a simulator where there is none."""
    if getattr(bug.make, "device", "host") == "simulator":
        try:
            find("simulator")
        except DeviceMissing as reason:
            pytest.skip(str(reason))


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_real_bug_is_found(bug):
    if bug.found_by not in LAWS:
        pytest.skip(f"waits for the law {bug.found_by}")
    simulated(bug)
    found = search(bug, LAWS[bug.found_by])
    assert found.found
    assert found.examples <= PROFILES["ci"] + len(CASES)
    # And it is the fault that breaks the law, not what it was planted in.
    example = (Problem.parse(found.problem), found.outcome.counterexample.seed)
    for right in [Direct] if bug.kind == "cuda" else BLOCKS.values():
        assert Searching(found.law, subject(right(), bug.dtype), Plan(explicit=[example])).run().verdict != "broken"


PLAIN = [*CASES.values(), *map(Problem.parse, ("b1h1w1i1o1k1", "b2h4w4i2o3k2", "b1h5w5i4o4k3p1", "b3h3w4i2o2k1x2"))]


def operands(operator, problem, dtype):
    """Small integers, in the contract's order."""
    small = exact.operands(problem, 1, np.float16)
    return [getattr(small, name).astype(dtype) for name in OPERANDS[operator]]


def wrong(target, operator, problem, first, second):
    """Whether a result differs from the index sum, or there is none."""
    expected = getattr(index_sum, operator)(first, second, problem)
    try:
        result = getattr(target, operator)(first, second, problem)
    except Exception:
        return True
    return result.shape != expected.shape or not np.array_equal(result, expected, equal_nan=True)


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_bug_is_right_where_nothing_triggers_it(bug):
    simulated(bug)
    for operator in OPERATORS:
        if hasattr(bug.make, operator):
            tried = [wrong(bug.make(), operator, p, *operands(operator, p, bug.dtype)) for p in PLAIN]
            assert not all(tried), operator


VIEWS = {
    "slice of channels": lambda a: np.stack([a, a + 1], axis=-1).reshape(*a.shape[:3], -1)[..., 1 : 1 + a.shape[3]],
    "in a larger image": lambda a: np.pad(a, ((0, 0), (1, 1), (1, 1), (0, 0)))[:, 1:-1, 1:-1],
    "reversed": lambda a: a[:, ::-1, ::-1].copy()[:, ::-1, ::-1],
    "transposed": lambda a: a.swapaxes(0, 1).copy().swapaxes(0, 1),
    "other order": lambda a: a.transpose(0, 3, 1, 2).copy().transpose(0, 2, 3, 1),
}


@pytest.mark.parametrize("bug", [bug for bug in BUGS.values() if bug.kind == "views"], ids=lambda bug: bug.id)
def test_a_bug_of_views_is_wrong_on_one(bug):
    problem = Problem.parse("b2h3w3i2o3k2")
    tried = []
    for operator in OPERATORS:
        first, second = operands(operator, problem, bug.dtype)
        assert not wrong(bug.make(), operator, problem, first.copy(), second.copy())
        for view in VIEWS.values():
            tried += [
                wrong(bug.make(), operator, problem, view(first), second),
                wrong(bug.make(), operator, problem, first, view(second)),
            ]
    assert any(tried)
    assert not all(tried)


def test_winograd_makes_nan_of_infinity():
    problem = Problem.parse("b1h1w5i3o1k1x3")
    x, w = operands("forward", problem, np.float32)
    assert not wrong(BUGS["tensorflow_60315"].make(), "forward", problem, x, w)
    x[0, 0, 2, 0] = np.inf
    with np.errstate(invalid="ignore"):
        assert wrong(BUGS["tensorflow_60315"].make(), "forward", problem, x, w)


def test_a_clamp_swallows_nan():
    problem = Problem.parse("b1h1w2i1o1k1")
    x, w = operands("forward", problem, np.float32)
    assert wrong(BUGS["pytorch_12484"].make(), "forward", problem, x, w * np.float32(np.nan))


def test_each_theme_has_its_bugs():
    assert len(BUGS) >= 60
    assert {bug.kind for bug in BUGS.values()} == set(THEMES)


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_bug_says_what_it_is(bug):
    assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", bug.id)
    assert bug.reference.startswith("https://")
    assert not bug.fault.endswith(".")
    assert len(bug.fault) < 120


def test_the_page_has_them_all():
    page = (Path(__file__).resolve().parents[2] / "docs" / "bugs.md").read_text(encoding="utf-8")
    missing = [bug.id for bug in BUGS.values() if f"[{bug.id}]({bug.reference}): {bug.fault}" not in page]
    assert missing == []
    assert [reference for reference in NOT_PLANTED if reference not in page] == []


# -- what is right --------------------------------------------------------------------------------


def alarms(target, seeds, examples, monkeypatch, dtypes=("float32", "float64")):
    found = []
    for seed in seeds:
        for law in LAWS.values():
            plan = Plan(examples, seed)
            outcome = Searching(law, subject(target(), dtypes[seed % len(dtypes)]), plan).run()
            if outcome.verdict == "broken":
                found.append((law.name, seed, outcome.counterexample))
        monkeypatch.setattr(engine, "CASES", {})  # they are the same for every seed
    return found


@pytest.mark.parametrize("name", [*RIGHT, *BLOCKS])
def test_what_is_right_holds(name, monkeypatch):
    assert alarms({**RIGHT, **BLOCKS}[name], range(2), 8, monkeypatch) == []


def test_the_alarm_can_ring(monkeypatch):
    assert "batch" in {law for law, _, _ in alarms(BUGS["theano_3715"].make, range(1), 4, monkeypatch)}


def test_kernels_that_are_right_hold(monkeypatch):
    simulated(BUGS["wave_198"])
    assert alarms(Direct, range(3), 8, monkeypatch, dtypes=("float32",)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_holds_for_fifty_seeds(name, monkeypatch):
    assert alarms(RIGHT[name], range(50), 20, monkeypatch) == []
