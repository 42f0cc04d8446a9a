"""Collecting durations: CUDA events, replays of a graph, or the wall clock where calls return when they are done.

A launch on a GPU returns before the work is done, so what a clock of the host sees of it is only the enqueueing. Here
no clock of the host ever times a GPU: durations come from events on the stream that the work is on, read after it was
waited for; a stream that a call does not use is found out, and refused; and the wall clock takes only results in the
host's own memory. `Timing` is made here and nowhere else.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal, Protocol

Timer = Literal["cuda-events", "graph-replay", "wall"]

SHORT = 20e-6  # seconds below which events see the gaps between launches
SLACK = 200e-6  # seconds that a wait may take for nothing
TRIES = 3  # before somebody is said to work elsewhere: now and then the host takes longer than that
LEAST_ROUNDS, MOST_ROUNDS = 5, 50
LEAST_ON_WALL = 3
WARM_CALLS = 2
GRAPH_SECONDS, MOST_GRAPH_CALLS = 1e-3, 256
HELD = 2**28  # bytes of results: more than any cache


class Unsynchronised(Exception):
    """What was timed was not the work but its enqueueing; the message says how that was seen."""


@dataclass(frozen=True)
class Timing:
    """seconds: of one call each, as many as there were rounds. timer: how they were found."""

    seconds: tuple[float, ...]
    timer: Timer

    @property
    def median(self) -> float:
        """The median, which one disturbed round does not move."""
        return statistics.median(self.seconds)


def measured_elsewhere(seconds: float) -> Timing:
    """One duration of work on the host that somebody else has timed: a search for a bug, say."""
    return Timing((seconds,), "wall")


class Graph(Protocol):
    """Captured calls."""

    def launch(self) -> None:
        """Enqueues all of them on the stream that they were captured on."""


class Stream(Protocol):
    """A stream of a GPU, as CuPy or PyTorch has it."""

    def current(self) -> AbstractContextManager[Any]:
        """What is launched inside goes to this stream."""

    def record(self) -> Any:
        """An event, recorded on the stream now."""

    def wait(self, event: Any) -> None:
        """Returns when the event has happened."""

    def elapsed(self, start: Any, end: Any) -> float:
        """Seconds between two events that have happened; raises where they have not."""

    def synchronize(self) -> None:
        """Returns when all streams of the GPU are idle."""

    def evict(self) -> None:
        """Enqueues a write that leaves nothing else in the L2 cache."""

    def capture(self, calls: Callable[[], object]) -> Graph:
        """The launches of ``calls`` as a graph. Raises what the library raises where something cannot be captured."""


Call = Callable[[int], Any]
"""One call on the operands number i, whatever i is: the buffers are rotated. Returns the result."""


def on_wall(call: Call, *, seconds: float, rounds: int = MOST_ROUNDS) -> Timing:
    """Durations by the host's clock, for calls that return when they are done.

    seconds: that all rounds may take, roughly. Raises `Unsynchronised` for a result that is not NumPy's.
    """
    result = call(0)  # warm: what is compiled or allocated at first
    if type(result).__module__.partition(".")[0] != "numpy":
        kind = f"{type(result).__module__}.{type(result).__name__}"
        raise Unsynchronised(f"the wall clock times calls that return NumPy arrays, not {kind}, which may be pending")
    del result
    found: list[float] = []
    deadline = perf_counter() + seconds
    while len(found) < LEAST_ON_WALL or (len(found) < rounds and perf_counter() < deadline):
        started = perf_counter()
        call(len(found) + 1)
        found.append(perf_counter() - started)
    return Timing(tuple(found), "wall")


def on_stream(stream: Stream, call: Call, *, seconds: float) -> Timing:
    """Durations on a GPU: of single calls by events, or of a graph of many, where launching takes as long as they do.

    seconds: that all rounds may take, roughly. Raises `Unsynchronised` where the work was not on ``stream``.
    """
    call = _holding(call)
    with stream.current():
        for i in range(WARM_CALLS):
            call(i)
        stream.synchronize()
        enqueueing = _enqueueing(stream, call)
        pilot = _by_events(stream, call, LEAST_ROUNDS)
        estimate = statistics.median(pilot)
        if estimate >= max(SHORT, 2 * enqueueing):
            rounds = min(MOST_ROUNDS, int(seconds / max(estimate, 1e-9)))
            return Timing(pilot if rounds <= LEAST_ROUNDS else _by_events(stream, call, rounds), "cuda-events")
        replayed = _by_replay(stream, call, estimate, seconds)
        if replayed is not None:
            return Timing(replayed, "graph-replay")
        ahead = _ahead(stream, enqueueing)
        rounds = max(LEAST_ROUNDS, min(MOST_ROUNDS, int(seconds / max(2 * enqueueing + estimate, 1e-9))))
        return Timing(_by_events(stream, call, rounds, ahead), "cuda-events")


def _holding(call: Call) -> Call:
    """The same call, the last results of which are held: the next one must not find its memory in the cache."""
    held: deque[tuple[Any, int]] = deque()
    total = 0

    def holding(i: int) -> Any:
        nonlocal total
        result = call(i)
        held.append((result, getattr(result, "nbytes", 0)))
        total += held[-1][1]
        while total > HELD:
            total -= held.popleft()[1]
        return result

    return holding


def _enqueueing(stream: Stream, call: Call) -> float:
    """Seconds in which a call returns; raises `Unsynchronised` where its work is not on the stream."""
    for _ in range(TRIES - 1):
        try:
            return _enqueued(stream, call)
        except Unsynchronised:
            continue
    return _enqueued(stream, call)


def _enqueued(stream: Stream, call: Call) -> float:
    start = stream.record()
    began = perf_counter()
    result = call(0)
    enqueued = perf_counter()
    end = stream.record()
    stream.wait(end)
    on_it = perf_counter()
    stream.synchronize()
    elsewhere = perf_counter() - on_it
    seen = stream.elapsed(start, end)
    del result
    if seen <= 0 or elsewhere > SLACK + seen / 2:
        raise Unsynchronised(
            f"the stream was done after {seen:.6f} s, but the GPU went on for {elsewhere:.6f} s: "
            f"the work is on another stream than the one that is timed"
        )
    return enqueued - began


def _ahead(stream: Stream, enqueueing: float) -> int:
    """How many evictions keep the GPU busy while a call is enqueued."""
    start = stream.record()
    for _ in range(LEAST_ROUNDS):
        stream.evict()
    end = stream.record()
    stream.synchronize()
    return 1 + int(2 * enqueueing * LEAST_ROUNDS / max(stream.elapsed(start, end), 1e-6))


def _by_events(stream: Stream, call: Call, rounds: int, ahead: int = 0) -> tuple[float, ...]:
    """Each call between two events of its own, all enqueued at once, so that the GPU does not wait for the host.

    ahead: evictions before each, where the host would not keep pace: what is between the events is then enqueued before
    the GPU comes to it.
    """
    stream.synchronize()
    stream.evict()
    events = []
    for i in range(rounds):
        for _ in range(ahead):
            stream.evict()
        start = stream.record()
        call(i)
        events.append((start, stream.record()))
    stream.synchronize()
    return tuple(stream.elapsed(start, end) for start, end in events)


def _by_replay(stream: Stream, call: Call, estimate: float, seconds: float) -> tuple[float, ...] | None:
    """A graph of many calls, each on other operands; None where the calls cannot be captured."""
    calls = max(16, min(MOST_GRAPH_CALLS, int(GRAPH_SECONDS / max(estimate, 1e-9))))
    kept: list[Any] = []  # results that the graph writes to belong to nobody else while it lives

    def captured() -> None:
        kept.extend(call(i) for i in range(calls))

    try:
        graph = stream.capture(captured)
    except Exception:  # each library has its own kind, for what may not be captured
        stream.synchronize()
        return None
    graph.launch()
    stream.synchronize()
    rounds = max(LEAST_ROUNDS, min(MOST_ROUNDS, int(seconds / max(calls * estimate, 1e-9))))
    events = []
    for _ in range(rounds):
        stream.evict()
        start = stream.record()
        graph.launch()
        events.append((start, stream.record()))
    stream.synchronize()
    return tuple(stream.elapsed(start, end) / calls for start, end in events)


class HandedOver:
    """pytest-benchmark's timer and target, for durations that are known: the timer is read before and after the target.

    >>> handed = HandedOver(timing)
    >>> benchmark.pedantic(handed.target, rounds=handed.rounds)     # with @pytest.mark.benchmark(timer=clock)
    """

    def __init__(self, timing: Timing) -> None:
        global _now
        _now = 0.0  # near 0 a float has the most digits
        self._seconds = iter(timing.seconds)
        self.rounds = len(timing.seconds)

    def target(self) -> None:
        """Moves the clock by the next duration."""
        global _now
        _now += next(self._seconds)


_now = 0.0


def clock() -> float:
    """The timer that `HandedOver` moves; nothing else does."""
    return _now
