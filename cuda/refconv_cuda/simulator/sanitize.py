"""One launch under many schedules, checked: the first thing that is wrong, with the least perturbed schedule.

A launch is a function that takes this package, in the place of CuPy, makes its arrays, runs its kernels and returns the
arrays whose contents count. It runs under threads and blocks in order, reversed, warps and lanes at random, and
pre-empted between memory accesses. What the checker finds ends the search; so does a result that differs, bit for bit,
from that of the first schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from refconv_cuda.simulator.errors import Finding, KernelError
from refconv_cuda.simulator.schedule import Fence, Order, Schedule, checked, scheduled

Array = npt.NDArray[Any]
Results = Array | Sequence[Array] | Mapping[str, Array] | None
Launch = Callable[[ModuleType], Results]

FENCES: tuple[Fence, ...] = ("after", "before")


class ScheduleDependence(KernelError):
    """A launch that gives other results when its threads or blocks run in another order."""

    tool = "racecheck"


def schedules(count: int, seed: int = 0) -> Iterator[Schedule]:
    """``count`` schedules, from the tidy ones to the wild ones; the drawn ones follow from ``seed``."""
    tidy: tuple[Order, ...] = ("in order", "reversed")
    drawn: tuple[Order, ...] = ("warps", "random", "preemptive")
    for i in range(count):
        if i < 2 * len(tidy):
            yield Schedule(tidy[i // 2], fence=FENCES[i % 2])
        else:
            yield Schedule(drawn[i % len(drawn)], seed + i, fence=FENCES[i // len(drawn) % 2])


def sanitize(launch: Launch, under: Iterable[Schedule]) -> None:
    """Runs ``launch`` under each schedule. Raises the first `KernelError`, `ScheduleDependence` among them.

    Raises ``TypeError`` for a launch that does not return arrays, ``ValueError`` for one that returns others each time.
    """
    from refconv_cuda import simulator

    expected: dict[str, Array] | None = None
    for schedule in under:
        with scheduled(schedule), checked():
            results = _named(launch(simulator))
        if expected is None:
            expected = results
        _assert_same(expected, results, schedule)


def _named(results: Results) -> dict[str, Array]:
    """Copies of the results, by name or number."""
    if results is None:
        return {}
    if isinstance(results, np.ndarray):
        return {"result": results.copy()}
    if isinstance(results, Mapping):
        return {str(name): np.array(array) for name, array in results.items()}
    if not isinstance(results, Sequence):
        raise TypeError(f"the launch returned {results!r}, but must return an array, several, or none")
    return {f"result {i}": np.array(array) for i, array in enumerate(results)}


def _assert_same(expected: dict[str, Array], results: dict[str, Array], schedule: Schedule) -> None:
    if results.keys() != expected.keys():
        raise ValueError(f"the launch returned {', '.join(expected)} first, but {', '.join(results)} with {schedule}")
    for name, array in results.items():
        before = expected[name]
        if array.tobytes() == before.tobytes():
            continue
        size = array.itemsize
        old, new = (np.frombuffer(values.tobytes(), f"V{size}") for values in (before, array))
        element = int(np.flatnonzero(old != new)[0])
        message = (
            f"schedule dependence: element {element} of {name} was {before.ravel()[element]} in order, "
            f"and is {array.ravel()[element]} with {schedule}"
        )
        raise ScheduleDependence(message, Finding("schedule dependence", array=name, element=element))
