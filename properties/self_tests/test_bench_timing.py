"""Durations: what is timed is the work and not its enqueueing, on a GPU that is made of a clock."""

import json
import subprocess
import sys
import textwrap
import weakref

import numpy as np
import pytest
from conftest import environment
from fake_gpu import ENQUEUE, EVICT, TICK, FakeGpu, FakeStream, NotReady

from refconv_reports.bench import timing
from refconv_reports.bench.timing import HandedOver, Timing, Unsynchronised, on_stream, on_wall


@pytest.fixture
def gpu(monkeypatch):
    made = FakeGpu()
    monkeypatch.setattr(timing, "perf_counter", made.clock)
    return made


def timed(gpu, seconds, *, stream=None, on=None, budget=0.05):
    """The timing of calls that launch once, on the current stream or on another."""
    timed = on or FakeStream(gpu)
    return on_stream(timed, lambda i: gpu.launch(seconds, stream=stream), seconds=budget)


def test_the_work_is_timed_and_not_its_enqueueing(gpu):
    before = gpu.now
    found = timed(gpu, 2000 * TICK)
    assert found.timer == "cuda-events"
    assert found.seconds == (2000 * TICK,) * 26  # so often within the budget
    assert found.median > 100 * ENQUEUE  # which a clock of the host would have seen
    assert gpu.now - before > sum(found.seconds)  # it was waited for


def test_events_are_read_only_after_they_have_happened(gpu):
    stream = FakeStream(gpu)
    start, _, end = stream.record(), gpu.launch(1000 * TICK, stream="timed"), stream.record()
    with pytest.raises(NotReady):  # as CUDA does, so `on_stream` could not have read one too early
        stream.elapsed(start, end)
    stream.wait(end)
    assert stream.elapsed(start, end) == ENQUEUE + 1000 * TICK  # the stream was idle, and waited for the launch


def test_short_launches_are_replayed(gpu):
    found = timed(gpu, 3 * TICK)
    assert found.timer == "graph-replay"
    assert found.median == 3 * TICK


def test_so_are_those_that_take_less_than_their_enqueueing(gpu):
    def call(i):
        gpu.now += 300 * TICK  # Python, before the launch
        gpu.launch(100 * TICK)

    found = on_stream(FakeStream(gpu), call, seconds=0.1)
    assert found.timer == "graph-replay"
    assert found.median == 100 * TICK


def test_what_cannot_be_captured_is_timed_by_events(gpu):
    found = timed(gpu, 3 * TICK, on=FakeStream(gpu, capturable=False))
    assert found.timer == "cuda-events"


def test_what_cannot_be_captured_is_not_timed_with_the_host(gpu):
    def call(i):
        gpu.launch(30 * TICK)
        gpu.now += 400 * TICK  # Python, between two launches
        gpu.launch(70 * TICK)

    found = on_stream(FakeStream(gpu, capturable=False), call, seconds=0.1)
    assert found.timer == "cuda-events"
    assert found.median == 100 * TICK


def test_a_host_that_is_late_once_is_not_taken_for_another_stream(gpu):
    stream, late = FakeStream(gpu), [3e-3, 3e-3]

    def synchronize():
        gpu.synchronize()
        gpu.now += late.pop() if late and gpu.launched else 0.0

    stream.synchronize = synchronize
    found = on_stream(stream, lambda i: gpu.launch(2000 * TICK), seconds=0.05)
    assert not late
    assert found.median == 2000 * TICK


def test_each_replay_begins_with_a_cold_cache(gpu):
    timed(gpu, 3 * TICK)
    replays = [place for place, (_, seconds) in enumerate(gpu.launched) if seconds == 256 * 3 * TICK]
    assert len(replays) > 5
    assert all(gpu.launched[place - 1][1] == EVICT for place in replays[1:])


@pytest.mark.parametrize("seconds", [2000 * TICK, 0.5])
def test_work_on_another_stream_is_found_out(gpu, seconds):
    with pytest.raises(Unsynchronised, match=r"on another stream than the one that is timed"):
        timed(gpu, seconds, stream="elsewhere")


def test_long_calls_are_not_repeated_for_nothing(gpu):
    found = timed(gpu, 0.5)
    assert len(found.seconds) == timing.LEAST_ROUNDS
    assert len([1 for _, seconds in gpu.launched if seconds == 0.5]) < 10


def test_operands_are_rotated(gpu):
    seen = []
    on_stream(FakeStream(gpu), lambda i: (seen.append(i), gpu.launch(1000 * TICK)), seconds=0.02)
    assert seen[-20:] == list(range(20))


def test_the_last_results_are_held(gpu):
    made, alive = [], []

    class Result:
        nbytes = 2**26

    def call(i):
        gpu.launch(1000 * TICK)
        alive.append(sum(result() is not None for result in made))
        result = Result()
        made.append(weakref.ref(result))
        return result

    on_stream(FakeStream(gpu), call, seconds=0.02)
    assert max(alive) == alive[-1] == timing.HELD // Result.nbytes


def test_the_wall_clock_refuses_what_may_be_pending():
    class Pending:
        pass

    with pytest.raises(Unsynchronised, match=r"return NumPy arrays, not .*Pending, which may be pending"):
        on_wall(lambda i: Pending(), seconds=0.01)


def test_the_wall_clock():
    calls = []
    found = on_wall(lambda i: (calls.append(i), np.zeros(1))[1], seconds=0.01, rounds=7)
    assert (found.timer, len(found.seconds)) == ("wall", 7)
    assert calls == list(range(8))  # the first is not timed
    assert all(seconds > 0 for seconds in found.seconds)


def test_the_median_is_not_moved_by_one_round():
    assert Timing((1.0, 2.0, 900.0), "wall").median == 2.0


def test_pytest_benchmark_gets_the_very_durations(tmp_path):
    # A process of its own: pytest-benchmark warns where there is xdist, and measures nothing.
    pytest.importorskip("pytest_benchmark")
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent("""
            import pytest
            from refconv_reports.bench.timing import HandedOver, Timing, clock

            TICK = 2.0**-20  # as in fake_gpu.py: the clock's differences are exact

            @pytest.mark.benchmark(timer=clock)
            def test_it(benchmark):
                handed = HandedOver(Timing((3 * TICK, TICK, 0.25), "cuda-events"))
                benchmark.pedantic(handed.target, rounds=handed.rounds)
        """)
    )
    file = tmp_path / "out.json"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--benchmark-json={file}",
        "-p",
        "no:xdist",
    ]
    done = subprocess.run(
        [*command, str(tmp_path)],
        env=environment(PYTEST_XDIST_WORKER=None),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [found] = json.loads(file.read_text())["benchmarks"]
    assert found["stats"]["data"] == [3 * TICK, TICK, 0.25]
    assert found["stats"]["median"] == 3 * TICK


def test_the_clock_moves_by_what_is_handed_over_only():
    handed = HandedOver(Timing((2.0, 3.0), "wall"))
    times = [timing.clock()]
    for _ in range(2):
        handed.target()
        times.append(timing.clock())
    assert times == [0.0, 2.0, 5.0]
    with pytest.raises(StopIteration):
        handed.target()
