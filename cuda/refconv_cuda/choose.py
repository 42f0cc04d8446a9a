"""Which kernel for which problem: a model of each kernel's time, by counting, and the choice that follows from it.

A kernel takes as long as its multiply-adds or its memory traffic do, whichever is longer, and then its launches.
Multiply-adds go at the machine's rate times the pace that such a kernel is expected to reach, times the part of the
machine that its waves of blocks fill. The rates are an H200's, from NVIDIA's data sheet; the paces are expectations,
not measurements: they order kernels, they do not predict a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from refconv.formats import format_of
from refconv.problem import Operator, Problem
from refconv_cuda.launchers.on_device import OnDevice
from refconv_cuda.launchers.work import Work, divide_up
from refconv_cuda.target import MULTIPROCESSORS

BANDWIDTH = 4.8e12  # bytes a second
LAUNCH = 3e-6  # seconds
# Multiply-adds a second, of ordinary and of tensor cores: half the FLOP of the data sheet.
RATES = {"float64": 17e12, "float32": 33.5e12, "float16": 33.5e12, "bfloat16": 33.5e12}
TENSOR_RATES = {"tf32": 247e12, "float16": 495e12, "bfloat16": 495e12}


@dataclass(frozen=True)
class Candidate:
    """A kernel for one operator of a problem: its work and its modelled time, or why it cannot.

    limit: what its time comes from (``multiply-adds``, ``memory`` or ``launch``). seconds: modelled, of that machine.
    """

    implementation: OnDevice
    work: Work | None
    seconds: float
    limit: str
    refusal: str = ""


def candidates(
    implementations: Iterable[OnDevice], operator: Operator, problem: Problem, dtype: str
) -> list[Candidate]:
    """All of them, fastest first; those that cannot, last. dtype: a format's name, ``tf32`` among them."""
    judged = [_judged(implementation, operator, problem, dtype) for implementation in implementations]
    return sorted(judged, key=lambda candidate: candidate.seconds)


def _judged(implementation: OnDevice, operator: Operator, problem: Problem, dtype: str) -> Candidate:
    refusal = _refusal(implementation, problem, dtype)
    if refusal:
        return Candidate(implementation, None, float("inf"), "", refusal)
    work = implementation.work(operator, problem, dtype)
    rate = (TENSOR_RATES if work.tensor else RATES)[dtype]
    waves = divide_up(work.blocks, MULTIPROCESSORS)
    filled = work.blocks / (waves * MULTIPROCESSORS) if waves else 1.0
    times = {
        "multiply-adds": work.multiply_adds / (rate * work.pace * filled),
        "memory": work.elements * format_of(dtype).itemsize / BANDWIDTH,
        "launch": work.launches * LAUNCH,
    }
    limit = max(times, key=lambda name: times[name])
    return Candidate(implementation, work, max(times["multiply-adds"], times["memory"]) + times["launch"], limit)


def _refusal(implementation: OnDevice, problem: Problem, dtype: str) -> str:
    if dtype not in implementation.dtypes:
        return f"is for {', '.join(implementation.dtypes)}"
    supports = implementation.supports(problem)
    return supports if isinstance(supports, str) else ""
