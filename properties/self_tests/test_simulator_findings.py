"""The simulator's findings: what goes wrong in a kernel is an exception that says where, and the process lives on."""

import ctypes
import doctest
import inspect
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from conftest import COMPILERS, use_compiler
from hypothesis import given, settings
from hypothesis import strategies as st

from refconv_cuda import simulator
from refconv_cuda.simulator import (
    BarrierDivergence,
    KernelError,
    KernelTrap,
    OutOfBounds,
    RawModule,
    Schedule,
    SimulatorError,
    scheduled,
)

SOURCE = r"""
__device__ bool is_me(int block, int thread) {
    return blockIdx.x == block % 3 && blockIdx.y == block / 3 && threadIdx.x == thread % 4 && threadIdx.y == thread / 4;
}
template <typename T>
__global__ void peek(const T* x, T* y, int at, int block, int thread) {
    if (is_me(block, thread)) y[0] = x[at];
}
template <typename T>
__global__ void poke(const T* x, T* y, int at, int block, int thread) {
    if (is_me(block, thread)) y[at] = x[0];
}
__global__ void at_address(size_t address) { *reinterpret_cast<volatile int*>(address) = 1; }

__global__ void mismatch(int odd) {
    if (threadIdx.x == odd) {
        __syncthreads();  // here odd
    } else {
        __syncthreads();  // here even
    }
}
__global__ void deserted(int gone) {
    if (threadIdx.x == gone) return;
    __syncthreads();  // here deserted
}
__global__ void deserted_in_a_loop(int n) {
    for (int i = 0; i < n + threadIdx.x; ++i) __syncthreads();  // here loop
}

__global__ void divide(const int* n, const int* d, int* y) { y[0] = n[0] / d[0]; }
__global__ void modulo(const int* n, const int* d, int* y) { y[0] = n[0] % d[0]; }
__global__ void divide_long(const long long* n, const long long* d, long long* y) { y[0] = n[0] / d[0]; }
__global__ void divide_unsigned(const unsigned* n, const unsigned* d, unsigned* y) { y[0] = n[0] / d[0]; }
__global__ void divide_floats(const float* n, const float* d, float* y) { y[0] = n[0] / d[0]; }

__global__ void asserts(const int* n) {
    assert(n[threadIdx.x] > 0 && "positive");  // here assert
}
__global__ void traps(int who) {
    if (threadIdx.x == who) __trap();  // here trap
}

__device__ __noinline__ int down(volatile int* y, int n) {
    volatile int frame[16];
    frame[n & 15] = n;
    return down(y, n + y[0]) + frame[n & 15];
}
__global__ void recurses(int* y) { y[0] = down(y, 0); }
__global__ void huge_frame(int* y, int at) {
    volatile char frame[1 << 20];
    frame[at] = 3;
    y[0] = frame[at];
}
__global__ void large_frame(int* y, int n) {  // 96 KiB: that much there is
    volatile int frame[24 * 1024];
    for (int i = 0; i < n; ++i) frame[i] = i;
    __syncthreads();
    int sum = 0;
    for (int i = 0; i < n; ++i) sum += frame[i] == i;
    y[threadIdx.x] = sum;
}

__global__ void endless(const volatile int* go) {
    while (go[0]) {}
}
__global__ void endless_barriers(const volatile int* go) {
    while (go[0]) __syncthreads();
}
__global__ void tiny(int* y) { y[threadIdx.x] = threadIdx.x; }
__global__ void sum_up(const int* x, int* y) {
    __shared__ int there[32];
    there[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    if (threadIdx.x > 0) return;
    int sum = 0;
    for (int i = 0; i < blockDim.x; ++i) sum += there[i];
    y[0] = sum;
}

template <typename T>
__global__ void stale_static(T* y) {
    __shared__ T there[8];
    y[threadIdx.x] = there[threadIdx.x];
    there[threadIdx.x] = 1;  // the next block must not see it
}
__global__ void stale_dynamic(float* y, int n) {
    extern __shared__ float floats[];
    for (int i = threadIdx.x; i < n; i += blockDim.x) y[i] = floats[i];
    for (int i = threadIdx.x; i < n; i += blockDim.x) floats[i] = 1;
}
__global__ void writes_half(float* y, int n) {
    for (int i = threadIdx.x; i < n; i += 2 * blockDim.x) y[i] = i;
}
"""
DTYPES = {"char": "int8", "short": "int16", "int": "int32", "float": "float32", "double": "float64"}
INSTANCES = (
    *(f"{kernel}<{name}>" for kernel in ("peek", "poke") for name in DTYPES),
    *("stale_static<float>", "stale_static<double>", "stale_static<int>"),
)
INT_MIN = -(2**31)


def line(marker):
    """The line of `SOURCE` that a comment marks."""
    numbers = [i for i, text in enumerate(SOURCE.splitlines(), 1) if text.endswith(f"// here {marker}")]
    assert len(numbers) == 1
    return numbers[0]


@pytest.fixture(scope="module", params=COMPILERS)
def kernel(request):
    """The kernels of `SOURCE` by name, from either compiler."""
    with pytest.MonkeyPatch.context() as patch:
        use_compiler(request.param, patch)
        module = RawModule(code=SOURCE, name_expressions=INSTANCES)
        module.get_function("tiny")  # compiles it
    return module.get_function


def assert_lives(kernel):
    """The process and the module still work, and a right launch is right."""
    x, y = np.arange(32, dtype=np.int32), np.zeros(1, np.int32)
    kernel("sum_up")((1,), (32,), (x, y))
    assert y[0] == x.sum()


# -- out of bounds -----------------------------------------------------------------------------------

arrays = {
    "name": st.sampled_from([*DTYPES]),
    "length": st.one_of(st.integers(1, 40), st.integers(1, 3000)),
    "block": st.integers(0, 5),
    "thread": st.integers(0, 7),
}


def launch(kernel, what, name, x, y, at, block, thread):
    """One thread of a 3x2 grid of 4x2 blocks reads x[at] or writes y[at]."""
    kernel(f"{what}<{name}>")((3, 2), (4, 2), (x, y, np.int32(at), np.int32(block), np.int32(thread)))


def assert_found(error, what, name, element, array, block, thread):
    """The finding, and the message too, name the array, the element, and the thread."""
    verb, noun = {"peek": ("reads", "read"), "poke": ("writes", "write")}[what]
    finding, message = error.finding, str(error)
    assert (finding.kind, finding.array, finding.element) == (f"out-of-bounds {noun}", name, element)
    where = ((block % 3, block // 3, 0), (thread % 4, thread // 4, 0))
    assert (finding.access.verb, finding.access.block, finding.access.thread) == (verb, *where)
    assert f"thread {where[1]} of block {where[0]} {verb} element {element} of" in message
    assert f"{name}', whose elements are 0 to {array.size - 1} ({array.dtype}, shape {array.shape})" in message


@pytest.mark.parametrize("side", ["after", "before"])
@pytest.mark.parametrize("what", ["peek", "poke"])
@settings(deadline=None, max_examples=40)
@given(**arrays, beyond=st.integers(0, 20), seed=st.integers(0, 3))
def test_the_first_access_beside_an_array(kernel, what, side, name, length, block, thread, beyond, seed):
    schedule = Schedule(order="random" if seed else "in order", seed=seed, fence=side)
    with scheduled(schedule):
        x, y = (simulator.copy(np.zeros(length, DTYPES[name])) for _ in range(2))
        at = length + beyond if side == "after" else -1 - beyond
        with pytest.raises(OutOfBounds) as raised:
            launch(kernel, what, name, x, y, at, block, thread)
    name, array = {"peek": ("x", x), "poke": ("y", y)}[what]
    assert_found(raised.value, what, name, at, array, block, thread)
    assert str(schedule) in str(raised.value)


@pytest.mark.parametrize("side", ["after", "before"])
@settings(deadline=None, max_examples=40)
@given(**arrays, ordinary=st.booleans(), data=st.data())
def test_every_access_inside_an_array_is_right(kernel, side, name, length, block, thread, ordinary, data):
    place = np.array if ordinary else simulator.copy
    at = data.draw(st.sampled_from([0, length - 1]) | st.integers(0, length - 1))
    with scheduled(Schedule(fence=side)):
        x, y = place(np.arange(length).astype(DTYPES[name])), place(np.zeros(length, DTYPES[name]))
        launch(kernel, "peek", name, x, y, at, block, thread)
        assert y[0] == x[at]
        x[0] = 77
        launch(kernel, "poke", name, x, y, at, block, thread)
        assert y[at] == 77


@settings(deadline=None, max_examples=60)
@given(**arrays, beyond=st.integers(0, 15), fence=st.sampled_from(["after", "before"]))
def test_a_write_behind_an_ordinary_array_is_found(kernel, name, length, block, thread, beyond, fence):
    # Its copy is aligned for vectors, so that up to 15 bytes may lie between it and the fence: the canary's.
    # With the fence before it, all the rest of its last page is.
    x, y = np.zeros(length, DTYPES[name]), np.zeros(length, DTYPES[name])
    slack = {"after": 16, "before": 4096}[fence] // y.itemsize
    beyond = min(beyond, slack - 1)
    with scheduled(Schedule(fence=fence)), pytest.raises(OutOfBounds) as raised:
        launch(kernel, "poke", name, x, y, length + beyond, block, thread)
    finding = raised.value.finding
    assert (finding.kind, finding.array, finding.element) == ("out-of-bounds write", "y", length + beyond)
    assert f"whose elements are 0 to {length - 1} ({y.dtype}, shape ({length},))" in str(raised.value)
    assert (y == 0).all()


@settings(deadline=None, max_examples=30)
@given(**arrays, before=st.integers(1, 20))
def test_a_write_before_an_array_is_found_with_the_fence_behind_it(kernel, name, length, block, thread, before):
    # By the canary, unless the array begins its page, and then by the fence.
    x, y = (simulator.copy(np.zeros(length, DTYPES[name])) for _ in range(2))
    with pytest.raises(OutOfBounds) as raised:
        launch(kernel, "poke", name, x, y, -before, block, thread)
    assert (raised.value.finding.array, raised.value.finding.element) == ("y", -before)


def test_a_write_in_the_slack_that_aligns_an_array(kernel):
    # Five floats end 12 bytes before the fence, and a read there goes unseen.
    x, y = np.zeros(5, np.float32), np.zeros(5, np.float32)
    launch(kernel, "peek", "float", x, y, 7, 0, 0)
    with pytest.raises(OutOfBounds, match=r"wrote element 7 of .*y', whose elements are 0 to 4 ") as raised:
        launch(kernel, "poke", "float", x, y, 7, 0, 0)
    assert raised.value.finding.access is None, "nobody knows who it was"
    with pytest.raises(OutOfBounds) as raised:
        launch(kernel, "poke", "float", x, y, 8, 4, 7)
    assert_found(raised.value, "poke", "y", 8, y, 4, 7)


def test_an_access_to_an_empty_array(kernel):
    one, none = np.zeros(1, np.float32), np.zeros((0, 3), np.float32)
    for what, arrays, name, at in (("peek", (none, one), "x", 0), ("poke", (one, none), "y", 2)):
        with pytest.raises(OutOfBounds, match=r"float32, shape \(0, 3\)") as raised:
            launch(kernel, what, "float", *arrays, at, 0, 0)
        assert (raised.value.finding.array, raised.value.finding.element) == (name, at)
        assert "0 to -1" not in str(raised.value)


def test_the_array_that_is_named_is_the_right_one(kernel):
    x, y = np.zeros(2048, np.float32), np.zeros(1024, np.float32)
    for what, name, array in (("peek", "x", x), ("poke", "y", y)):
        with pytest.raises(OutOfBounds) as raised:
            launch(kernel, what, "float", x, y, array.size, 0, 0)
        assert_found(raised.value, what, name, array.size, array, 0, 0)


def test_a_null_pointer(kernel):
    y = np.zeros(1, np.float32)
    for what, arrays, verb in (("peek", (None, y), "reads"), ("poke", (y, None), "writes")):
        with pytest.raises(OutOfBounds, match=f"{verb} .*null pointer") as raised:
            launch(kernel, what, "float", *arrays, 3, 5, 6)
        access = raised.value.finding.access
        assert (access.verb, access.block, access.thread) == (verb, (2, 1, 0), (2, 1, 0))


def test_an_address_that_belongs_to_nothing(kernel):
    # The last is not even an address: x86 reports a fault of another kind, without saying where.
    for address, null in ((0, True), (8, True), (2**46 + 4096, False), (0x4141414141414141, False)):
        with pytest.raises(OutOfBounds) as raised:
            kernel("at_address")((1,), (1,), (np.uint64(address),))
        assert ("null pointer" in str(raised.value)) == null
    assert_lives(kernel)


def test_results_of_a_launch_that_failed_are_not_copied_back(kernel):
    y = np.full(32, 9, np.int32)
    with pytest.raises(OutOfBounds):
        kernel("tiny")((1,), (64,), (y,))
    assert (y == 9).all()


# -- barriers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", [0, 3, 31])
@pytest.mark.parametrize("schedule", [Schedule(), Schedule("reversed"), Schedule("random", 5)], ids=str)
def test_threads_at_different_barriers(kernel, odd, schedule):
    with scheduled(schedule), pytest.raises(BarrierDivergence) as raised:
        kernel("mismatch")((1,), (32,), (np.int32(odd),))
    one, other = raised.value.finding.access, raised.value.finding.other
    waits = {access.thread: access.line for access in (one, other)}
    assert waits.pop((odd, 0, 0)) == line("odd")
    assert list(waits.values()) == [line("even")]
    assert {access.file for access in (one, other)} == {"<code>"}
    for number in (line("odd"), line("even")):
        assert f"<code>:{number}" in str(raised.value)


@pytest.mark.parametrize("choice", ["ziglang", "g++"])
def test_two_barriers_on_one_line_are_two(choice, monkeypatch):
    if choice == "g++":
        if not shutil.which("g++"):
            pytest.skip("g++ is not installed")
        monkeypatch.setenv("REFCONV_CXX", "g++")
    code = """
#define BOTH(odd) if (odd) __syncthreads(); else __syncthreads()
extern "C" __global__ void direct() { if (threadIdx.x == 3) __syncthreads(); else __syncthreads(); }
extern "C" __global__ void by_macro() { BOTH(threadIdx.x == 3); }
extern "C" __global__ void one_of_three() { for (int i = 0; i < 3; ++i) { __syncthreads(); } __syncthreads(); }
"""
    module = RawModule(code=code)
    for name, at in (("direct", 3), ("by_macro", 4)):
        with pytest.raises(BarrierDivergence, match="divergent barrier") as raised:
            module.get_function(name)((1,), (32,), ())
        assert raised.value.finding.line == raised.value.finding.other.line == at
    module.get_function("one_of_three")((2,), (64,), ())


def test_a_barrier_that_a_thread_never_comes_to(kernel):
    for gone in (0, 3, 31):
        with pytest.raises(BarrierDivergence, match="has left") as raised:
            kernel("deserted")((2,), (32,), (np.int32(gone),))
        finding = raised.value.finding
        assert (finding.file, finding.line) == ("<code>", line("deserted"))
        assert finding.other.thread == (gone, 0, 0)
        assert finding.access.thread != (gone, 0, 0)
        assert f"<code>:{line('deserted')}" in str(raised.value)
        assert f"thread ({gone}, 0, 0)" in str(raised.value)


def test_a_barrier_in_a_loop_that_is_left_early(kernel):
    with pytest.raises(BarrierDivergence, match="has left") as raised:
        kernel("deserted_in_a_loop")((1,), (8,), (np.int32(3),))
    assert raised.value.finding.line == line("loop")
    assert raised.value.finding.other.thread == (0, 0, 0)


def test_a_barrier_that_all_come_to_is_right(kernel):
    kernel("mismatch")((2,), (32,), (np.int32(99),))
    kernel("deserted")((2,), (32,), (np.int32(99),))
    kernel("mismatch")((2,), (1,), (np.int32(0),))


# -- arithmetic, assert, trap, stack ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "n", "d"),
    [
        ("divide", 7, 0),
        ("modulo", 7, 0),
        ("divide", INT_MIN, -1),
        ("divide_long", 7, 0),
        ("divide_unsigned", 7, 0),
    ],
)
def test_an_integer_division_by_zero(kernel, name, n, d):
    dtype = {"divide_long": "int64", "divide_unsigned": "uint32"}.get(name, "int32")
    n, d, y = np.array(n, dtype), np.array(d, dtype), np.zeros((), dtype)
    with pytest.raises(KernelTrap, match=r"thread \(0, 0, 0\) of block \(0, 0, 0\) divides an integer by zero"):
        kernel(name)((1,), (1,), (n, d, y))
    d[...] = 2
    kernel(name)((1,), (1,), (n, d, y))
    assert y == (n % d if name == "modulo" else n // d)


def test_a_float_division_by_zero_is_an_infinity(kernel):
    y = np.zeros(1, np.float32)
    kernel("divide_floats")((1,), (1,), (np.ones(1, np.float32), np.zeros(1, np.float32), y))
    assert y[0] == np.inf


def test_an_assert_that_fails(kernel):
    n = np.ones(32, np.int32)
    kernel("asserts")((1,), (32,), (n,))
    n[[7, 9]] = 0
    with pytest.raises(KernelTrap, match=r"n\[threadIdx.x\] > 0 && .*positive") as raised:
        kernel("asserts")((1,), (32,), (n,))
    finding = raised.value.finding
    assert (finding.file, finding.line, finding.access.thread) == ("<code>", line("assert"), (7, 0, 0))
    assert f"<code>:{line('assert')}" in str(raised.value)
    assert "thread (7, 0, 0) of block (0, 0, 0)" in str(raised.value)
    with scheduled(Schedule("reversed")), pytest.raises(KernelTrap, match=r"thread \(9, 0, 0\)"):
        kernel("asserts")((1,), (32,), (n,))


def test_a_trap(kernel):
    with pytest.raises(KernelTrap, match=r"thread \(5, 0, 0\) of block \(0, 0, 0\).*__trap") as raised:
        kernel("traps")((1,), (32,), (np.int32(5),))
    assert (raised.value.finding.file, raised.value.finding.line) == ("<code>", line("trap"))
    assert f"<code>:{line('trap')}" in str(raised.value)


@pytest.mark.parametrize("threads", [1, 33, 1024])
def test_endless_recursion(kernel, threads):
    y = np.ones(1, np.int32)
    for _ in range(2):
        with pytest.raises(KernelTrap, match=r"thread \(0, 0, 0\) of block \(0, 0, 0\) overflows its stack"):
            kernel("recurses")((1,), (threads,), (y,))
    assert_lives(kernel)


@pytest.mark.parametrize("at", [0, 2**19, 2**20 - 1])
def test_a_local_array_beyond_the_stack(kernel, at):
    # Also where the element that is used lies in some other thread's stack, far beyond the no-access page.
    y = np.zeros(1, np.int32)
    with pytest.raises(KernelTrap, match="overflows its stack"):
        kernel("huge_frame")((1,), (8,), (y, np.int32(at)))
    assert_lives(kernel)


def test_a_local_array_within_the_stack(kernel):
    y = np.zeros(70, np.int32)
    kernel("large_frame")((1,), (70,), (y, np.int32(24 * 1024)))
    assert (y == 24 * 1024).all()


# -- signals ------------------------------------------------------------------------------------------------


class TimeIsUpError(Exception):
    """What the handlers of these tests raise."""


def raise_time_is_up(number, frame):
    raise TimeIsUpError


@contextmanager
def handling(number, handler):
    old = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(number, old)


def alarm_in(seconds):
    # Once more later: should the first be missed, one test fails instead of all of them hanging.
    signal.setitimer(signal.ITIMER_REAL, seconds, 5)


def interrupt_in(seconds, number=signal.SIGINT):
    """Sends a signal to this process from another thread; returns what stops that."""
    stopped = threading.Event()

    def send():
        while not stopped.wait(seconds if not sent else 5):
            sent.append(number)
            os.kill(os.getpid(), number)

    sent = []
    thread = threading.Thread(target=send)
    thread.start()

    def stop():
        stopped.set()
        thread.join()

    return stop


def run_endless(kernel, name="endless", threads=1):
    kernel(name)((1,), (threads,), (np.ones(1, np.int32),))


@pytest.mark.parametrize("threads", [1, 64])
def test_an_endless_loop_ends_with_a_time_limit(kernel, threads):
    with handling(signal.SIGALRM, raise_time_is_up):
        for _ in range(3):
            alarm_in(0.02)
            with pytest.raises(TimeIsUpError):
                run_endless(kernel, threads=threads)
    assert_lives(kernel)


def test_an_endless_loop_ends_with_an_interrupt(kernel):
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    for _ in range(2):
        stop = interrupt_in(0.02)
        with pytest.raises(KeyboardInterrupt):
            run_endless(kernel)
        stop()
    assert_lives(kernel)


def test_a_handler_that_returns_ends_the_launch_too(kernel):
    calls = []
    with handling(signal.SIGALRM, lambda number, frame: calls.append(number)):
        alarm_in(0.02)
        with pytest.raises(KernelError, match=r"thread \(0, 0, 0\) of block \(0, 0, 0\) was interrupted by SIGALRM"):
            run_endless(kernel)
    assert calls == [signal.SIGALRM]


def test_a_handler_may_launch_kernels(kernel):
    def handler(number, frame):
        assert_lives(kernel)
        raise TimeIsUpError

    with handling(signal.SIGALRM, handler):
        alarm_in(0.02)
        with pytest.raises(TimeIsUpError):
            run_endless(kernel)


def test_a_signal_that_the_process_ignores_is_ignored(kernel):
    with handling(signal.SIGTERM, signal.SIG_IGN), handling(signal.SIGALRM, raise_time_is_up):
        stop = interrupt_in(0.02, signal.SIGTERM)
        alarm_in(0.1)
        with pytest.raises(TimeIsUpError):
            run_endless(kernel)
        stop()


def test_no_signal_is_lost(kernel):
    # Whenever it comes: before the first thread has begun, between two threads, after the last.
    y, launch = simulator.copy(np.zeros(64, np.int32)), kernel("tiny")
    random_delay = random.Random(0)
    arrived = []
    with handling(signal.SIGALRM, lambda number, frame: arrived.append(number)):
        for count in range(1, 1001):
            signal.setitimer(signal.ITIMER_REAL, random_delay.uniform(1e-6, 1e-4))
            while signal.getitimer(signal.ITIMER_REAL)[0] > 0:
                try:
                    launch((1,), (64,), (y,))
                except KernelError as error:
                    assert "was interrupted by SIGALRM" in str(error)  # noqa: PT017 (most launches raise nothing)
            for _ in range(100):
                if len(arrived) == count:
                    break
                time.sleep(1e-4)
            assert len(arrived) == count, f"after {count} alarms"


def fresh_process(script, **environment):
    """Runs ``script`` after `SOURCE` in an interpreter of its own, which may die or hang without harm."""
    prelude = f"""
        import faulthandler, os, signal, sys, threading, time
        import numpy as np
        from refconv_cuda.simulator import *
        kernel = RawModule(code={SOURCE!r}, name_expressions={INSTANCES!r}).get_function
    """
    command = [sys.executable, "-c", textwrap.dedent(prelude) + textwrap.dedent(script)]
    started = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        output, errors = started.communicate(timeout=15)
    except subprocess.TimeoutExpired:
        started.kill()
        output, errors = started.communicate()
        errors += "\nkilled after 15 s"
    return subprocess.CompletedProcess(command, started.returncode, output, errors)


@pytest.mark.slow  # twenty alarms in a process of its own
@pytest.mark.parametrize("threads", [1, 7])
def test_an_endless_loop_with_a_barrier_ends(threads):
    # Such a kernel spends much of its time between threads, not in one. In a process of its own: should it miss
    # the signal, it never ends.
    done = fresh_process(
        f"""
        class TimeIsUp(Exception): pass
        def handler(number, frame): raise TimeIsUp
        signal.signal(signal.SIGALRM, handler)
        for _ in range(20):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.01)
                kernel("endless_barriers")((1,), ({threads},), (np.ones(1, np.int32),))
            except TimeIsUp:
                print("ended", flush=True)
        """
    )
    assert done.stdout == "ended\n" * 20, done.stderr


def test_a_signal_before_the_first_thread_begins():
    # The random order of this grid's 2^23 blocks takes longer to draw than the alarm to ring. Python has been told
    # of it by then, but Python waits for the launch.
    done = fresh_process(
        """
        class TimeIsUp(Exception): pass
        def handler(number, frame): raise TimeIsUp
        signal.signal(signal.SIGALRM, handler)
        go, launch = np.ones(1, np.int32), kernel("endless")
        with scheduled(Schedule("random")):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.02)
                launch((2**23,), (1,), (go,))
            except TimeIsUp:
                print("ended")
        """
    )
    assert done.stdout == "ended\n", done.stderr


def test_a_signal_with_no_handler_does_what_it_does():
    done = fresh_process(
        """
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        kernel("endless")((1,), (1,), (np.ones(1, np.int32),))
        """
    )
    assert done.returncode == -signal.SIGTERM


def dispositions():
    """What the process does at each signal, as the operating system has it, and its alternative stack."""
    libc = ctypes.CDLL(None)
    read = []
    for number in sorted(set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}):
        # glibc's struct sigaction: the handler, a mask of 128 bytes of which the system knows 8, the flags.
        action = ctypes.create_string_buffer(256)
        assert libc.sigaction(int(number), None, action) == 0
        flags = int.from_bytes(action[136:140], "little") & ~0x04000000  # SA_RESTORER, which glibc sets by itself
        read.append((number.name, action[:16], flags))
    stack = ctypes.create_string_buffer(64)
    assert libc.sigaltstack(None, stack) == 0
    return read, stack.raw


FINDINGS = {
    "write": lambda kernel: kernel("tiny")((1,), (64,), (np.zeros(8, np.int32),)),
    "null": lambda kernel: kernel("tiny")((1,), (4,), (None,)),
    "mismatch": lambda kernel: kernel("mismatch")((2,), (32,), (np.int32(3),)),
    "deserted": lambda kernel: kernel("deserted")((2,), (32,), (np.int32(3),)),
    "division": lambda kernel: kernel("divide")((1,), (3,), (np.int32(1).reshape(1), *np.zeros((2, 1), np.int32))),
    "assert": lambda kernel: kernel("asserts")((1,), (3,), (np.zeros(3, np.int32),)),
    "trap": lambda kernel: kernel("traps")((1,), (100,), (np.int32(50),)),
    "recursion": lambda kernel: kernel("recurses")((1,), (50,), (np.ones(1, np.int32),)),
    "frame": lambda kernel: kernel("huge_frame")((1,), (8,), (np.zeros(1, np.int32), np.int32(0))),
}


def launch_interrupted(kernel):
    with handling(signal.SIGALRM, raise_time_is_up):
        alarm_in(0.001)
        run_endless(kernel, threads=3)


BAD = {**FINDINGS, "alarm": launch_interrupted}


@pytest.mark.parametrize("bad", BAD)
def test_the_process_gets_its_signals_back(kernel, bad):
    with handling(signal.SIGALRM, raise_time_is_up):
        pass  # Python leaves flags of its own behind, but only the first time
    handlers = [signal.getsignal(number) for number in signal.Signals]
    before = dispositions()
    with pytest.raises((SimulatorError, TimeIsUpError)):
        BAD[bad](kernel)
    assert dispositions() == before
    assert [signal.getsignal(number) for number in signal.Signals] == handlers
    assert_lives(kernel)
    assert dispositions() == before


def test_the_first_launch_of_a_process_leaves_its_signals_alone():
    # Later launches could only put back what the first has left.
    done = fresh_process(
        f"""
        import ctypes
        {textwrap.indent(inspect.getsource(dispositions), " " * 8).strip()}
        before = dispositions()
        kernel("tiny")((1,), (4,), (np.zeros(4, np.int32),))
        print(dispositions() == before)
        try:
            kernel("tiny")((1,), (4,), (None,))
        except OutOfBounds:
            print(dispositions() == before)
        """
    )
    assert done.stdout == "True\nTrue\n", done.stderr


def test_a_signal_to_another_thread_does_not_end_the_launch(kernel):
    # The launch is not in the thread that the signal comes to; that thread's handler ends it by other means.
    go = simulator.copy(np.ones(1, np.int32))
    arrived, ended = [], []

    def launch():
        kernel("endless")((1,), (1,), (go,))
        ended.append(True)

    def handler(number, frame):
        arrived.append(number)
        go[0] = 0

    with handling(signal.SIGALRM, handler):
        thread = threading.Thread(target=launch)
        thread.start()
        alarm_in(0.05)
        thread.join(5)
        in_time = not thread.is_alive()
        go[0] = 0  # so that the thread ends in any case
        thread.join()
    assert in_time
    assert arrived == [signal.SIGALRM]
    assert ended == [True]


def test_a_fault_of_the_process_is_still_its_own():
    # faulthandler reports it, and the process ends, before and after findings of ours.
    done = fresh_process(
        """
        faulthandler.enable()
        for name, arguments in (("tiny", (None,)), ("recurses", (np.ones(1, np.int32),))):
            try:
                kernel(name)((1,), (4,), arguments)
            except KernelError as error:
                print("found", flush=True)
        faulthandler._sigsegv()
        """
    )
    assert done.stdout == "found\n" * 2
    assert "Fatal Python error: Segmentation fault" in done.stderr
    assert done.returncode == -signal.SIGSEGV


def test_a_fault_of_another_thread_during_a_launch_is_its_own():
    done = fresh_process(
        """
        faulthandler.enable()
        threading.Timer(0.2, faulthandler._sigsegv).start()
        kernel("endless")((1,), (1,), (np.ones(1, np.int32),))
        """
    )
    assert "Fatal Python error: Segmentation fault" in done.stderr
    assert done.returncode == -signal.SIGSEGV


@pytest.mark.parametrize("compiler", ["", "g++"], ids=["ziglang", "g++"])
def test_assert_from_its_header_is_a_finding_too(compiler):
    # CUDA's assert comes from <assert.h>; the C library's would end the process.
    if compiler and shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    done = fresh_process(
        """
        code = "#include <assert.h>\\n__global__ void asserts(int n) { assert(n > 0); }\\n"
        try:
            RawKernel(code, "asserts")((1,), (1,), (np.int32(0),))
        except KernelTrap as error:
            print(error)
        """,
        REFCONV_CXX=compiler,
    )
    assert done.returncode == 0, done.stderr
    assert "n > 0" in done.stdout
    assert "<code>:2" in done.stdout


@pytest.mark.parametrize("parameter", ["unsigned char* y", "void* y"])
def test_an_array_of_python_objects_is_refused(parameter):
    # Its bytes are addresses that Python counts on.
    done = fresh_process(
        f"""
        try:
            RawKernel("__global__ void any({parameter}) {{}}", "any")((1,), (1,), (np.array([None, 1, "a"]),))
        except TypeError as error:
            print(error)
        """
    )
    assert done.returncode == 0, done.stderr
    assert "object" in done.stdout


# -- after a finding ---------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=10)
@given(
    st.lists(st.sampled_from(["good", *FINDINGS]), min_size=50, max_size=50),
    st.integers(0, 2**32),
)
def test_good_and_bad_launches_in_any_order(kernel, kinds, seed):
    for step, kind in enumerate(kinds):
        with scheduled(Schedule("random", seed + step)):
            if kind == "good":
                assert_lives(kernel)
            else:
                with pytest.raises(KernelError):
                    FINDINGS[kind](kernel)


@pytest.mark.parametrize("bad", BAD)
def test_the_same_kernel_after_its_own_finding(kernel, bad):
    for _ in range(3):
        with pytest.raises((KernelError, TimeIsUpError)):
            BAD[bad](kernel)
    y = np.zeros(8, np.int32)
    kernel("tiny")((1,), (8,), (y,))
    kernel("mismatch")((2,), (32,), (np.int32(99),))
    kernel("asserts")((1,), (8,), (y + 1,))
    kernel("divide")((1,), (1,), (y[7:].copy(), y[:1] + 2, y[:1]))
    assert y.tolist() == [3, *range(1, 8)]


def test_no_room_for_a_random_order_of_the_blocks(kernel):
    with scheduled(Schedule("random")), pytest.raises(KernelError, match="no memory"):
        kernel("tiny")((2**26 + 1,), (1,), (np.zeros(1, np.int32),))
    assert_lives(kernel)


# -- poison ----------------------------------------------------------------------------------------------------

POISONS = (Schedule().poison, 0x41414141, 0x12345678, 0)


def pattern(poison, count):
    """The first bytes of memory that holds ``poison``."""
    return (poison.to_bytes(4, "little") * (count // 4 + 1))[:count]


@pytest.mark.parametrize("name", ["float", "double", "int"])
def test_shared_memory_that_nobody_wrote(kernel, name):
    for poison in POISONS:
        y = np.zeros(8, DTYPES[name])
        with scheduled(Schedule(poison=poison)):
            kernel(f"stale_static<{name}>")((3,), (8,), (y,))
        assert y.tobytes() == pattern(poison, y.nbytes)


def test_dynamic_shared_memory_that_nobody_wrote(kernel):
    for poison in POISONS:
        for count in (1, 7, 1000, 50_000):
            y = np.zeros(count, np.float32)
            with scheduled(Schedule(poison=poison)):
                kernel("stale_dynamic")((3,), (8,), (y, np.int32(count)), shared_mem=y.nbytes)
            assert y.tobytes() == pattern(poison, y.nbytes)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 3000) | st.integers(15_000, 40_000),
    st.sampled_from(POISONS) | st.integers(0, 2**32 - 1),
    st.sampled_from(["after", "before"]),
)
def test_results_that_nobody_wrote(kernel, count, poison, fence):
    with scheduled(Schedule(poison=poison, fence=fence)):
        y = simulator.empty((count,), np.float32)
        assert y.tobytes() == pattern(poison, y.nbytes)
        kernel("writes_half")((1,), (32,), (y, np.int32(count)))
    written = np.arange(count) % 64 < 32
    assert np.array_equal(y[written], np.arange(count, dtype=np.float32)[written])
    assert y[~written].tobytes() == pattern(poison, y[~written].nbytes)


def test_the_default_poison_shows():
    for dtype in ("float16", "float32", "float64"):
        assert np.isnan(simulator.empty((2, 3), dtype)).all()
    for dtype in ("int8", "uint16", "int32", "uint64"):
        assert (simulator.empty((2, 3), dtype) != 0).all()


@pytest.mark.parametrize(
    ("shape", "dtype"), [((5,), "int8"), ((7,), "float16"), ((3, 5), "float64"), ((0, 2), "int32")]
)
def test_poison_of_any_size(shape, dtype):
    for poison in POISONS:
        with scheduled(Schedule(poison=poison)):
            array = simulator.empty(shape, dtype)
        assert array.tobytes() == pattern(poison, array.nbytes)


def test_poison_again_in_memory_that_was_used_before():
    for _ in range(3):
        array = simulator.empty((100,), np.float32)
        assert np.isnan(array).all()
        array[...] = 1
        del array


def test_many_fences_and_atomics_take_no_longer_than_they_should():
    # What each publishes and learns was once copied at every atomic: the list doubled, and the launch never ended.
    done = fresh_process(
        """
        code = """
        + "'__global__ void k(int* x) { __threadfence(); for (int i = 0; i < 8; ++i) atomicAdd(x + i, 1); }'"
        + """
        x = np.zeros(8, np.int32)
        RawModule(code=code, check=True).get_function("k")((4,), (64,), (x,))
        print(x.tolist())
        """
    )
    assert done.stdout == f"{[256] * 8}\n", done.stderr


def test_the_documentation_shows_what_happens():
    path = Path(__file__).parents[2] / "docs" / "simulator.md"
    if not path.exists():
        pytest.skip("an installed copy has no docs")
    failed, tried = doctest.testfile(str(path), module_relative=False)
    assert (failed, tried > 3) == (0, True)
