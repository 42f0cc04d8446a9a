"""The hook by which every benchmark's JSON says what machine it was on."""

from __future__ import annotations

from typing import Any

import pytest

from refconv_reports.bench import machine
from refconv_reports.bench.run import RUN


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Adds ``machine_info["refconv"]``, and takes out the names of the host and its kernel: nobody's business."""
    for name in ("node", "release"):
        machine_info.pop(name, None)
    run = config.stash.get(RUN, None)
    machine_info["refconv"] = machine.described(run.device if run is not None else "cpu")
