"""How long each planted bug stays hidden: the processor's time to the first failure, without shrinking it.

    python -m pytest reports/test_bug_speed.py --benchmark-json FILE

The law is the one that the bug is expected to break, in the ci profile. A bug that is not found fails the benchmark.
"""

from __future__ import annotations

import pytest
from bugs import BUGS
from bugs.finding import search

from refconv_cuda.device import DeviceMissing, find
from refconv_properties.laws import catalogue
from refconv_reports.bench.timing import HandedOver, clock, measured_elsewhere

pytest.importorskip("pytest_benchmark")


@pytest.mark.benchmark(timer=clock)
@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_time_to_find(benchmark, bug) -> None:
    """One search from seed 0, as docs/bugs.md tells of it."""
    if getattr(bug.make, "device", "host") == "simulator":
        try:
            find("simulator")
        except DeviceMissing as reason:
            pytest.skip(str(reason))
    found = search(bug, catalogue()[bug.found_by])
    assert found.found
    seconds = found.milliseconds / 1000
    handed = HandedOver(measured_elsewhere(seconds))
    benchmark.pedantic(handed.target, rounds=handed.rounds)
    benchmark.extra_info |= {
        "kind": "bug",
        "bug": bug.id,
        "law": bug.found_by,
        "examples": found.examples,
        "seconds": seconds,
    }
