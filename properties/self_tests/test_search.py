"""The search of a law: what it tries, what it counts, what it calls a verdict, and that its seed decides."""

import re
from dataclasses import replace

import hypothesis
import numpy as np
import pytest
from hypothesis.database import InMemoryExampleDatabase
from law_faults import (
    DropsAChannel,
    MissesTheSecondColumn,
    PadsWithTheEdge,
    ReversesTaps,
    Right,
    TransposesSquareKernels,
)
from searches import LAWS, outcome, subject, told

from refconv import transposed, windows
from refconv.problem import Problem
from refconv_properties.cases import CASES
from refconv_properties.geometry import CELLS
from refconv_properties.search import Plan, Searching

pytestmark = pytest.mark.usefixtures("no_database")


def test_a_search_depends_on_its_seed_and_on_nothing_else():
    def found(law, seed, target=ReversesTaps):
        one = outcome(law, target(), seed=seed)
        one.seconds = 0.0
        return one

    expected = found("adjoint", 3)
    # An earlier search, of another law on another implementation, has left examples in Hypothesis's database.
    hypothesis.settings.register_profile("refconv-shared", database=InMemoryExampleDatabase())
    hypothesis.settings.load_profile("refconv-shared")
    found("explicit-pad", 1, PadsWithTheEdge)
    found("index-sum", 2, DropsAChannel)
    assert found("adjoint", 3) == expected


def test_counterexamples_are_the_smallest_that_there_are():
    problems = {outcome("index-sum", DropsAChannel(), seed=seed).counterexample.problem for seed in range(6)}
    assert problems == {"b1h1w1i2o1k1"}
    problems = {outcome("transpose", TransposesSquareKernels(), seed=seed).counterexample.problem for seed in range(4)}
    assert all(Problem.parse(problem).multiplications <= 8 for problem in problems)


def test_a_failure_that_does_not_come_back_is_still_one():
    class Once:
        fresh = True

        def forward(self, x, w, problem):
            wrong = self.fresh and problem not in CASES.values()
            self.fresh = self.fresh and not wrong
            return windows.forward(x, w, problem) + x.dtype.type(wrong)

    found = outcome("index-sum", Once())
    assert found.verdict == "broken"
    assert "different results at different times" in told(found)


def test_named_cases_ride_along():
    seen = []
    conv = subject(windows)
    searching = Searching(LAWS["index-sum"], conv, Plan(1, 0), on_example=lambda problem, seed: seen.append(problem))
    assert searching.run().verdict == "held"
    assert set(CASES.values()) <= set(seen)


def test_only_the_plans_problems_with_the_plans_seed():
    seen = []
    problems = [Problem.parse("b1h2w2i1o1k1"), Problem.parse("b1h3w3i1o1k2")]
    plan = Plan(50, 7, [(problem, 7) for problem in problems])
    Searching(LAWS["index-sum"], subject(windows), plan, on_example=lambda *example: seen.append(example)).run()
    assert seen == [(problem, 7) for problem in problems]


def test_examples_counts_those_that_were_tried_in_full():
    assert outcome("index-sum", windows, examples=30).examples == 30 + len(CASES)
    problems = [Problem.parse("b1h3w3i1o1k1"), Problem.parse("b1h3w3i1o1k1s2"), Problem.parse("b1h4w3i1o1k1s2")]
    assert outcome("subsample", windows, problems=problems).examples == 2


def test_unsupported_problems_are_counted_and_not_held_against_it():
    class Picky(Right):
        def supports(self, problem):
            return max(problem.stride) == 1 or "strided"

        def forward(self, x, w, problem):
            assert max(problem.stride) == 1
            return windows.forward(x, w, problem)

    found = outcome("index-sum", Picky())
    assert found.verdict == "held"
    assert found.unsupported["strided"] > 0
    found = outcome("subsample", Picky(), examples=10)
    assert (found.verdict, found.reason) == ("skipped", "supports none of the problems tried: strided")


@pytest.mark.parametrize(
    ("multiples", "expected"), [((1, 1), (1, 1)), ((8, 8), (8, 8)), ((4, 1), (4, 1)), ((3, 2), (1, 1))]
)
def test_channels_come_in_the_multiples_that_are_supported(multiples, expected):
    class Vectors(Right):
        def supports(self, problem):
            odd = problem.c_in_per_group % multiples[0] or problem.c_out_per_group % multiples[1]
            return not odd or "no whole vectors"

        def forward(self, x, w, problem):
            assert self.supports(problem) is True
            return windows.forward(x, w, problem)

    conv = subject(Vectors())
    assert conv.channels_of == expected
    found = Searching(LAWS["index-sum"], conv, Plan(30, 0)).run()
    if multiples != (3, 2):  # of no power of two
        assert (found.verdict, found.examples, found.unsupported) == ("held", 30 + len(CASES), {})


def test_what_shows_nothing_is_vacuous():
    class Nothing:
        def forward(self, x, w, problem):
            return np.zeros(problem.y_shape, x.dtype)

        def grad_input(self, gy, w, problem):
            return np.zeros(problem.x_shape, gy.dtype)

        def grad_weight(self, gy, x, problem):
            return np.zeros(problem.w_shape, gy.dtype)

    verdicts = {law: outcome(law, Nothing(), examples=20) for law in LAWS}
    assert (verdicts["bilinear"].verdict, verdicts["bilinear"].reason) == ("vacuous", "every result was zero")
    assert {law for law, found in verdicts.items() if found.verdict == "held"} == set()
    assert verdicts["index-sum"].verdict == "broken"


def test_a_law_that_rejects_nearly_all_is_vacuous():
    class Choosy(Right):
        def supports(self, problem):
            return problem == Problem.parse("b1h4w4i2o3k3p1") or "one problem only"

    found = outcome("index-sum", Choosy(), examples=20)
    assert found.verdict == "vacuous"
    assert re.fullmatch(r"could be tried on only 1 of \d+ problems: one problem only", found.reason)


def test_coverage_counts_each_example_in_its_cells():
    found = outcome("index-sum", windows, problems=[Problem.parse("b1h1w1i1o1k1"), Problem.parse("b2h1w1i1o1k1")])
    assert (found.cells["kernel 1x1"], found.cells["batch 1"], found.cells["batch > 1"]) == (2, 1, 1)
    assert set(outcome("index-sum", windows, examples=1).cells) == set(CELLS)


def test_a_failure_stays_in_the_database_and_comes_first():
    database = InMemoryExampleDatabase()
    plan = Plan(60, 3, database=database)
    found = Searching(LAWS["translation"], subject(MissesTheSecondColumn()), plan).run()
    assert found.verdict == "broken"
    tried = []
    again = Searching(LAWS["translation"], subject(Right()), replace(plan, seed=4), lambda *one: tried.append(one))
    assert again.run().verdict == "held"
    example = (Problem.parse(found.counterexample.problem), found.counterexample.seed)
    assert example in tried[len(CASES) : len(CASES) + 10]


def test_a_law_that_needs_what_is_not_offered_is_skipped():
    class Forward:
        forward = staticmethod(windows.forward)

    assert outcome("adjoint", Forward()).reason == "neither of grad_input, grad_weight offered"
    assert outcome("unit-step", transposed).reason == "forward not offered"
