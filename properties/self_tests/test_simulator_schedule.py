"""Schedules: the order of threads and blocks is the one asked for, and shows what in order goes unseen."""

import math
import pickle
import threading
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from conftest import COMPILERS, use_compiler
from hypothesis import given, settings
from hypothesis import strategies as st

from refconv_cuda import simulator
from refconv_cuda.simulator import RawModule, Schedule, scheduled
from refconv_cuda.simulator.schedule import ORDERS, current

SOURCE = r"""
// when[block][phase][thread]: how many turns of any thread came before this one.
__global__ void turns(int* counter, int* when, int phases) {
    int threads = blockDim.x * blockDim.y * blockDim.z;
    int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    for (int phase = 0; phase < phases; ++phase) {
        when[(block * phases + phase) * threads + thread] = atomicAdd(counter, 1);
        __syncthreads();
    }
}
__global__ void turns_without_barrier(int* counter, int* when) {
    when[blockIdx.x * blockDim.x + threadIdx.x] = atomicAdd(counter, 1);
}

// Each thread reads what its left neighbour has written: right in order, with or without the barrier.
template <bool kBarrier>
__global__ void from_the_left(const float* x, float* y) {
    __shared__ float there[64];
    there[threadIdx.x] = x[threadIdx.x];
    if (kBarrier) __syncthreads();
    y[threadIdx.x] = threadIdx.x > 0 ? there[threadIdx.x - 1] : 0;
}
// The second barrier keeps a fast thread from overwriting what a slow one still reads.
template <bool kBarrier>
__global__ void rounds(const int* x, int* y, int n) {
    __shared__ int there[64];
    int sum = 0;
    for (int round = 0; round < n; ++round) {
        there[threadIdx.x] = x[round * blockDim.x + threadIdx.x];
        __syncthreads();
        sum += there[threadIdx.x + 1 < blockDim.x ? threadIdx.x + 1 : 0];
        if (kBarrier) __syncthreads();
    }
    y[threadIdx.x] = sum;
}
// A race between blocks: each reads what the one before it has written.
__global__ void chain(int* y) { y[blockIdx.x] = blockIdx.x > 0 ? y[blockIdx.x - 1] + 1 : 1; }
// No thread needs another.
__global__ void squares(const int* x, int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i] * x[i];
}
// Two lanes of one warp, of which the later one wins.
__global__ void last_lane(int* y) { y[0] = threadIdx.x; }
"""
INSTANCES = ("from_the_left<true>", "from_the_left<false>", "rounds<true>", "rounds<false>")
SEEDS = st.integers(0, 2**64 - 1)


@pytest.fixture(scope="module", params=COMPILERS)
def kernel(request):
    """The kernels of `SOURCE` by name, from either compiler."""
    with pytest.MonkeyPatch.context() as patch:
        use_compiler(request.param, patch)
        module = RawModule(code=SOURCE, name_expressions=INSTANCES)
        module.get_function("turns")  # compiles it
    return module.get_function


def turns(kernel, schedule, grid, block, phases=1):
    """[block, phase, thread]: the number of the turn that each thread had, from 0 on."""
    counter = np.zeros(1, np.int32)
    when = np.full((math.prod(grid), phases, math.prod(block)), -1, np.int32)
    with scheduled(schedule):
        kernel("turns")(grid, block, (counter, when, np.int32(phases)))
    assert counter[0] == when.size
    return when


shapes = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)


# -- the order that was asked for -----------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(grid=shapes, block=shapes, phases=st.integers(1, 3))
def test_in_order(kernel, grid, block, phases):
    when = turns(kernel, Schedule(), grid, block, phases)
    assert np.array_equal(when, np.arange(when.size).reshape(when.shape))


@settings(deadline=None, max_examples=30)
@given(grid=shapes, block=shapes, phases=st.integers(1, 3))
def test_reversed(kernel, grid, block, phases):
    # Blocks and threads go backwards, but time does not: a phase comes after the one before.
    when = turns(kernel, Schedule("reversed"), grid, block, phases)
    assert np.array_equal(when[::-1, :, ::-1], np.arange(when.size).reshape(when.shape))


@settings(deadline=None, max_examples=50)
@given(grid=shapes, block=shapes, phases=st.integers(1, 3), seed=SEEDS)
def test_random(kernel, grid, block, phases, seed):
    when = turns(kernel, Schedule("random", seed), grid, block, phases)
    blocks, _, threads = when.shape
    # Block after block, within it phase after phase, and in each the threads in some order.
    position = np.argsort(when.min((1, 2)))
    assert np.array_equal(
        np.sort(when[position].reshape(blocks * phases, threads)), np.arange(when.size).reshape(-1, threads)
    )
    assert np.array_equal(when, turns(kernel, Schedule("random", seed), grid, block, phases)), "the same seed"


@settings(deadline=None, max_examples=25)
@given(st.sets(SEEDS, min_size=2, max_size=2))
def test_other_seeds_other_orders(kernel, seeds):
    one, other = (turns(kernel, Schedule("random", seed), (20,), (32,)) for seed in seeds)
    assert not np.array_equal(np.argsort(one.min((1, 2))), np.argsort(other.min((1, 2)))), "of the blocks"
    assert not np.array_equal(one.argsort(axis=2), other.argsort(axis=2)), "of the threads"


def test_each_block_and_each_phase_has_an_order_of_its_own(kernel):
    when = turns(kernel, Schedule("random", 1), (8,), (32,), phases=4)
    assert len({tuple(order) for order in when.argsort(axis=2).reshape(-1, 32)}) == 8 * 4


def test_single_threads_are_permuted(kernel):
    # Not whole warps: in half of all turns, on average, a thread comes before one with a smaller number.
    orders = [turns(kernel, Schedule("random", seed), (1,), (64,))[0, 0].argsort() for seed in range(100)]
    backwards = np.mean([np.mean(np.diff(order) < 0) for order in orders])
    assert 0.45 < backwards < 0.55
    assert len({int(order[0]) for order in orders}) > 40, "any thread may be first"


def test_every_order_of_few_threads_comes_up(kernel):
    seen = {tuple(turns(kernel, Schedule("random", seed), (1,), (3,))[0, 0]) for seed in range(100)}
    assert len(seen) == 6
    seen = {tuple(turns(kernel, Schedule("random", seed), (3,), (1,))[:, 0, 0]) for seed in range(100)}
    assert len(seen) == 6


@pytest.mark.parametrize("order", ORDERS)
def test_a_kernel_without_barriers_has_the_same_order(kernel, order):
    # It runs without a switch of stacks.
    counter, when = np.zeros(1, np.int32), np.full(70, -1, np.int32)
    schedule = Schedule(order, 3)
    with scheduled(schedule):
        kernel("turns_without_barrier")((1,), (70,), (counter, when))
    assert np.array_equal(when, turns(kernel, schedule, (1,), (70,))[0, 0])


def test_warps(kernel):
    # Warps in any order, the last one shorter; in each the lanes in order, one after another.
    orders = set()
    for seed in range(50):
        when = turns(kernel, Schedule("warps", seed), (4,), (32, 3, 1), phases=2).reshape(-1, 96)
        first_turns = when[:, ::32]
        assert np.array_equal(when, np.repeat(first_turns, 32, axis=1) + np.tile(np.arange(32), 3))
        orders |= {tuple(np.argsort(turns_)) for turns_ in first_turns}
        when = turns(kernel, Schedule("warps", seed), (1,), (40,))[0, 0]
        assert when.tolist() in ([*range(40)], [*range(8, 40), *range(8)])
    assert len(orders) == 6


def test_the_lanes_of_a_short_block_are_in_order_by_warps(kernel):
    for seed in range(10):
        assert turns(kernel, Schedule("warps", seed), (1,), (31,)).ravel().tolist() == [*range(31)]


def test_the_largest_block_at_random(kernel):
    when = turns(kernel, Schedule("random", 7), (2,), (1024,), phases=3)
    assert np.array_equal(np.sort(when.ravel()), np.arange(when.size))


# -- what it shows --------------------------------------------------------------------------------------

EVERY = [Schedule("in order"), Schedule("reversed"), *(Schedule("random", seed) for seed in range(30))]


def results(kernel, name, threads, *arguments):
    """What ``name`` writes under each of `EVERY` schedule."""
    for schedule in EVERY:
        y = np.zeros(threads, arguments[0].dtype)
        with scheduled(schedule):
            kernel(name)((1,), (threads,), (arguments[0], y, *arguments[1:]))
        yield y


@pytest.mark.parametrize("threads", [2, 33, 64])
def test_a_missing_barrier_shows_under_another_order(kernel, threads):
    x = np.arange(1, threads + 1, dtype=np.float32)
    expected = np.concatenate([[0], x[:-1]])
    in_order, backwards, *random = results(kernel, "from_the_left<false>", threads, x)
    assert np.array_equal(in_order, expected), "the wrong kernel is right in order"
    assert np.isnan(backwards[1:]).all(), "nothing is there yet"
    wrong = sum(not np.array_equal(y, expected) for y in random)
    assert wrong == len(random) if threads > 30 else 0 < wrong < len(random)


def test_a_missing_second_barrier_shows_under_another_order(kernel):
    x = np.random.default_rng(0).integers(0, 10**6, (8, 64), dtype=np.int32)
    expected = np.roll(x, -1, 1).sum(0)
    assert all(np.array_equal(y, expected) for y in results(kernel, "rounds<true>", 64, x, np.int32(8)))
    wrong = [not np.array_equal(y, expected) for y in results(kernel, "rounds<false>", 64, x, np.int32(8))]
    assert all(wrong[2:])


def test_no_order_changes_a_right_kernel(kernel):
    x = np.arange(64, dtype=np.float32)
    for y in results(kernel, "from_the_left<true>", 64, x):
        assert np.array_equal(y, [0, *x[:-1]])
    x = np.arange(1000, dtype=np.int32)
    for schedule in EVERY:
        y = np.zeros_like(x)
        with scheduled(schedule):
            kernel("squares")((8,), (128,), (x, y, np.int32(1000)))
        assert np.array_equal(y, x * x)


def test_a_race_between_blocks_shows(kernel):
    def chain(schedule):
        y = np.zeros(20, np.int32)
        with scheduled(schedule):
            kernel("chain")((20,), (1,), (y,))
        return y.tolist()

    assert chain(Schedule()) == [*range(1, 21)]
    assert chain(Schedule("reversed")) == [1] * 20
    assert all(chain(Schedule("random", seed)) != [*range(1, 21)] for seed in range(20))


def test_a_race_within_a_warp_shows(kernel):
    winners = set()
    for seed in range(50):
        y = np.zeros(1, np.int32)
        with scheduled(Schedule("random", seed)):
            kernel("last_lane")((1,), (32,), (y,))
        winners.add(int(y[0]))
    assert len(winners) > 10


# -- Schedule --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("order", "shuffled"),
        ("order", ""),
        ("order", None),
        ("order", 0),
        ("fence", "both"),
        ("fence", None),
        ("seed", -1),
        ("seed", 2**64),
        ("poison", -1),
        ("poison", 2**32),
    ],
)
def test_an_impossible_schedule(field, value):
    with pytest.raises(ValueError, match=f"{field} = {value!r}"):
        Schedule(**{field: value})
    with pytest.raises(ValueError, match=f"{field} = {value!r}"):
        replace(Schedule(), **{field: value})


@pytest.mark.parametrize(("field", "value"), [("seed", 1.5), ("seed", "1"), ("poison", 1.5), ("poison", None)])
def test_a_schedule_of_no_whole_numbers(field, value):
    with pytest.raises((TypeError, ValueError)):
        Schedule(**{field: value})


@pytest.mark.parametrize("schedule", [Schedule(seed=0), Schedule("random", 2**64 - 1), Schedule(poison=0)], ids=str)
def test_the_limits_of_a_schedule_run(kernel, schedule):
    assert turns(kernel, schedule, (3,), (5,)).max() == 14


def test_a_schedule_is_a_value():
    schedule = Schedule("random", 5, fence="before", poison=3)
    with pytest.raises(FrozenInstanceError):
        schedule.seed = 6
    assert schedule == Schedule(order="random", seed=5, fence="before", poison=3)
    assert len({schedule, replace(schedule), replace(schedule, seed=6)}) == 2, "and can be hashed"
    assert pickle.loads(pickle.dumps(schedule)) == schedule


def test_a_schedule_says_what_it_is():
    text = str(Schedule("random", 5, fence="before"))
    assert "random" in text
    assert "seed 5" in text
    assert "before" in text
    assert "seed" not in str(Schedule("reversed"))


def test_from_seed():
    schedules = [Schedule.from_seed(seed) for seed in range(400)]
    assert schedules[0] == Schedule(), "an example shrinks to the least surprising schedule"
    assert [Schedule.from_seed(seed) for seed in range(400)] == schedules
    assert {schedule.order for schedule in schedules} == set(ORDERS)
    drawn = [schedule for schedule in schedules if schedule.order == "random"]
    assert len(drawn) > 100
    assert len({schedule.seed for schedule in drawn}) == len(drawn), "each has a seed of its own"
    for order in {schedule.order for schedule in schedules[10:]}:
        fences = [schedule.fence for schedule in schedules if schedule.order == order]
        assert 0.4 < fences.count("before") / len(fences) < 0.6
    Schedule.from_seed(2**64 - 1)
    for seed in (-1, 2**64):
        with pytest.raises(ValueError, match=f"seed = {seed}"):
            Schedule.from_seed(seed)


# -- scheduled -------------------------------------------------------------------------------------------


def test_scheduled_nests():
    assert current() == Schedule()
    one, other = Schedule("reversed"), Schedule("random", 9)
    with scheduled(one):
        assert current() is one
        with scheduled(other):
            assert current() is other
            with scheduled(one):
                assert current() is one
            assert current() is other
        assert current() is one
    assert current() == Schedule()


def test_scheduled_ends_with_an_exception():
    with pytest.raises(KeyError), scheduled(Schedule("reversed")), scheduled(Schedule("random")):
        raise KeyError
    assert current() == Schedule()


def test_a_schedule_is_in_force_in_one_thread():
    seen = []
    with scheduled(Schedule("reversed")):
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
    assert seen == [Schedule()]


def test_the_schedule_in_force_is_that_of_the_launch(kernel):
    # An array that was made under another schedule keeps its fence; the order is the launch's.
    with scheduled(Schedule(fence="before", poison=0)):
        counter, when = simulator.empty((1,), np.int32), simulator.empty((40,), np.int32)
        assert (when == 0).all()
    with scheduled(Schedule("reversed")):
        kernel("turns_without_barrier")((2,), (20,), (counter, when))
    assert when.tolist() == [*range(39, -1, -1)]
