"""Every benchmark of this folder says in its JSON what machine it was on."""

from refconv_reports.bench.plugin import pytest_benchmark_update_machine_info

__all__ = ["pytest_benchmark_update_machine_info"]
