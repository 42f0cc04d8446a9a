"""Layers of real networks: each implementation certified exact, then timed, beside its peers.

    refconv bench                                                       # with a table, and a choice of what to run
    python -m pytest --pyargs refconv_reports.bench -p refconv_reports.bench.plugin --benchmark-json FILE

Durations are collected before pytest-benchmark sees them (`refconv_reports.bench.timing`): what it times by itself is a
call, and a launch on a GPU returns before it is done.
"""

from __future__ import annotations

from typing import Any

import pytest

from refconv_reports.bench import run
from refconv_reports.bench.contest import Refused
from refconv_reports.bench.timing import HandedOver, clock

pytest.importorskip("pytest_benchmark")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each case of the run."""
    metafunc.parametrize("case", list(run.of(metafunc.config).cases))


@pytest.mark.benchmark(timer=clock)
def test_layer(benchmark: Any, request: pytest.FixtureRequest, case: str) -> None:
    """A wrong result fails before anything is timed; what cannot be measured here is skipped, with the reason."""
    try:
        measured = run.of(request.config).measure(case)
    except Refused as reason:
        pytest.skip(str(reason))
    handed = HandedOver(measured.timing)
    benchmark.group = " ".join((*measured.case.cell[:1], *measured.case.cell[2:]))
    benchmark.extra_info |= measured.info
    benchmark.pedantic(handed.target, rounds=handed.rounds)
