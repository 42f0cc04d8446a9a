"""The law of schedules: on the simulator, the order of threads and blocks changes nothing."""

from __future__ import annotations

from refconv import rounding
from refconv.problem import OPERANDS, RESULTS, Problem
from refconv_cuda.simulator import schedule
from refconv_properties.broken import identical
from refconv_properties.laws import law
from refconv_properties.subject import Subject


def _is_simulated(conv: Subject) -> str | None:
    return None if conv.implementation.device == "simulator" else "not on the simulator"


@law(
    "schedule",
    "on the simulator, no order of threads, warps or blocks changes a bit",
    kills="missing barriers, races between threads, sums whose order is left to chance",
    trust="CUDA leaves the order to the hardware, so a result that depends on it is not one",
    seen=("uxlfoundation/oneDNN#6035", "soumith/cudnn.torch#274"),
    condition=_is_simulated,
)
def test_schedule(conv: Subject, problem: Problem, seed: int) -> None:
    """One operator an example, by the seed."""
    operands = rounding.operands(problem, seed, conv.format)
    operator = conv.one_of(seed)
    first, second = (getattr(operands, name) for name in OPERANDS[operator])
    with schedule.scheduled(schedule.Schedule()):
        expected = conv.call(operator, first, second, problem)
    for order in ("reversed", "warps", "random", "preemptive"):
        other = schedule.Schedule(order, seed if order in schedule.SEEDED else 0)
        with schedule.scheduled(other), schedule.checked():
            result = conv.call(operator, first, second, problem)
        identical(result, expected, RESULTS[operator], f"with {other}")
