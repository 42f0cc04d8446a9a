"""How many examples a second each law gets through, on refconv's formulas and on a kernel in the simulator.

    python -m pytest reports/test_law_speed.py --benchmark-json FILE

One process, one search, the processor's time; an example is a drawn problem with its operands, all the calls that the
law makes, and the comparison. Drawing is part of the time. A law that is broken fails the benchmark.
"""

from __future__ import annotations

import time

import pytest

from refconv.implementation import load
from refconv_properties.laws import Law, catalogue
from refconv_properties.search import Plan, Searching
from refconv_properties.subject import Subject
from refconv_reports.bench.timing import HandedOver, clock, measured_elsewhere

pytest.importorskip("pytest_benchmark")

EXAMPLES = 60
DTYPE = "float32"


@pytest.mark.benchmark(timer=clock)
@pytest.mark.parametrize("name", ["windows", "implicit-gemm"])
@pytest.mark.parametrize("law", catalogue().values(), ids=catalogue())
def test_examples_a_second(benchmark, law: Law, name: str) -> None:
    """One search, as `refconv check` makes it."""
    implementation, form = load(name, "simulator").chosen(DTYPE)
    subject = Subject(implementation, form)
    reason = law.inapplicable(subject)
    if reason is not None:
        pytest.skip(f"{law.name}: {reason}")
    Searching(law, subject, Plan(3, seed=2)).run()  # kernels are compiled
    started = time.process_time()
    outcome = Searching(law, subject, Plan(EXAMPLES, seed=1)).run()
    seconds = time.process_time() - started
    assert outcome.verdict in ("held", "vacuous"), outcome.counterexample
    handed = HandedOver(measured_elsewhere(seconds))
    benchmark.pedantic(handed.target, rounds=handed.rounds)
    benchmark.extra_info |= {
        "kind": "law",
        "law": law.name,
        "implementation": name,
        "dtype": DTYPE,
        "examples": outcome.examples,
        "examples_per_second": outcome.examples / seconds,
    }
