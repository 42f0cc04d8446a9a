"""One run: the plan, the time that it may take, and what became of each case."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from refconv_cuda import faults
from refconv_reports.bench import machine
from refconv_reports.bench.choose import Case, Plan, Wanted, plan
from refconv_reports.bench.contest import Contest, Measured, Refused
from refconv_reports.bench.contestants import DeviceName, Field


@dataclass
class Run:
    """What `test_layers` measures. seconds: that all may take since ``started`` (`time.monotonic`); None: any time.

    measured, refused, failed grow as the run goes; on_case is told of each case before it begins. running: that case,
    and since when, or None. lost: the id of a case whose fault cost the GPU, so that no other can be measured, and why.
    """

    plan: Plan
    contest: Contest
    seconds: float | None = None
    started: float = field(default_factory=time.monotonic)
    on_case: Callable[[Case], None] = lambda case: None
    measured: list[Measured] = field(default_factory=list)
    refused: list[tuple[Case, str]] = field(default_factory=list)
    failed: list[tuple[Case, str]] = field(default_factory=list)
    too_late: int = 0
    running: tuple[Case, float] | None = None
    lost: str | None = None

    def __post_init__(self) -> None:
        self.cases: dict[str, Case] = {}
        for case in self.plan.cases:  # two files may call theirs by the same name
            again = sum(other.id == case.id for other in self.cases.values())
            self.cases[f"{case.id}-{again + 1}" if again else case.id] = case

    @property
    def device(self) -> DeviceName:
        """Where the run is."""
        return self.contest.field.device

    def measure(self, id: str) -> Measured:
        """Measures a case. Raises `Refused` where it cannot be, and whatever else is wrong with it."""
        case = self.cases[id]
        if self.seconds is not None and time.monotonic() - self.started > self.seconds:
            self.too_late += 1
            raise Refused(f"the {self.seconds:g} s are over")
        if self.lost is not None:
            self.too_late += 1
            raise Refused(f"the GPU is lost since {self.lost}")
        self.on_case(case)
        self.running = (case, time.monotonic())
        try:
            measured = self.contest.measure(case)
        except Refused as reason:
            self.refused.append((case, str(reason)))
            self._look(case)
            raise
        except Exception as error:
            told = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
            self.failed.append((case, told))
            self._look(case)
            raise
        finally:
            self.running = None
        self.measured.append(measured)
        return measured

    def _look(self, case: Case) -> None:
        """After a case that was not measured: whether another one can be."""
        if self.device == "gpu" and (reason := faults.lost()):
            self.lost = f"{case.id}: {reason}"


RUN = pytest.StashKey[Run]()


def of(config: Any) -> Run:
    """The run of a pytest session: what `refconv bench` has put there, or the default one for this machine."""
    if RUN not in config.stash:
        config.stash[RUN] = prepared(Wanted(), found_device("auto"))
    found: Run = config.stash[RUN]
    return found


def prepared(wanted: Wanted, device: DeviceName, *, seconds: float | None = None) -> Run:
    """A run of what is wanted. Raises as `choose.plan` does."""
    started = time.monotonic()  # importing a framework takes its time
    runners = Field(device)
    chosen = plan(wanted, runners)
    return Run(chosen, Contest(runners, machine.gpu_peaks() if device == "gpu" else None), seconds, started)


def found_device(name: str) -> DeviceName:
    """``auto`` is a GPU where there is one, else the CPU. Raises ``refconv_cuda.device.DeviceMissing``."""
    from refconv_cuda import cupy_wheels
    from refconv_cuda.device import DeviceMissing

    if name == "cpu":
        return "cpu"
    if name == "simulator":
        return "simulator"
    reason = cupy_wheels.unavailable()
    if reason is None:
        return "gpu"
    if name == "gpu":
        raise DeviceMissing(reason)
    return "cpu"
