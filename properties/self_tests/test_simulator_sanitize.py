"""`refconv sanitize` in the hands of someone who gets everything wrong: a sentence, an exit status, no traceback."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from refconv_cuda.simulator import KernelTrap, RawModule

REVERSE = """extern "C" __global__ void reverse(float* x, int n) {
    __shared__ float tile[64];
    int i = threadIdx.x;
    if (i < n) tile[i] = x[i];
    __syncthreads();
    x[i] = tile[n - 1 - i];
}
"""
ENDLESS = """extern "C" __global__ void barriers(int* x) { for (;;) __syncthreads(); }
extern "C" __global__ void sleeps(int* x) { for (;;) __nanosleep(1); }
extern "C" __global__ void polls(int* x) { while (atomicAdd(x, 0) == 0) {} }
extern "C" __global__ void reads(volatile int* x) { while (*x == 0) {} }
"""
LAUNCHES = """def boom(simulator): raise RuntimeError("mine")
def wrong(simulator): return 5
calls = []
def differ(simulator):
    calls.append(0)
    return {f"call {len(calls)}": simulator.zeros(3)}
not_callable = 3
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("sanitize")
    (path / "reverse.cu").write_text(REVERSE)
    (path / "endless.cu").write_text(ENDLESS)
    (path / "launches.py").write_text(LAUNCHES)
    (path / "junk.cu").write_bytes(b"\xf7\x00junk")
    return path


@pytest.fixture
def sanitize(refconv, folder):
    return lambda *arguments: refconv("sanitize", *arguments, cwd=folder)


GOOD = ("reverse.cu", "--kernel", "reverse", "--block", "4", "--arg", "x:float32[4]=arange", "--arg", "n:int32=4")


def test_a_clean_kernel(sanitize):
    ran = sanitize(*GOOD)
    assert (ran.status, ran.out) == (0, "reverse: nothing found under 50 schedules (seed 0)\n")


def test_a_finding(sanitize):
    ran = sanitize(*GOOD[:5], "--arg", "x:float32[3]=arange", "--arg", "n:int32=4")
    assert ran.status == 1
    assert ran.out.startswith("reverse: memcheck: reverse.cu:4: out-of-bounds read in reverse: thread (3, 0, 0)")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nosuch.cu", "--kernel", "reverse"), "there is no file nosuch.cu"),
        ((".", "--kernel", "reverse"), "there is no file ."),
        (("junk.cu", "--kernel", "reverse"), "path = junk.cu must be CUDA C in UTF-8"),
        (("reverse.cu",), "--kernel must name the kernel of a .cu file"),
        (("reverse.cu", "--kernel", "nosuch"), "reverse.cu has no kernel 'nosuch'; it has reverse"),
        (("reverse.cu", "--kernel", "reverse"), "reverse takes 2 arguments (float* x, int n), but got 0"),
        ((*GOOD, "--grid", "3000000000"), "grid.x = 3000000000 must be at least 1 and at most 2147483647"),
        ((*GOOD, "--block", "1025"), "block.x = 1025 must be at least 1 and at most 1024"),
        ((*GOOD, "--shared", "999999999"), "shared_mem = 999999999 must be at least 0 and at most 232448 bytes"),
        ((*GOOD, "--option=-I"), "options: -I needs a value"),
        ((*GOOD, "--arg", "x:foo[3]"), "argument 'x:foo[3]': 'foo' is no dtype"),
        ((*GOOD, "--arg", "x:int8[3]=300"), "argument 'x:int8[3]=300': '300' must be a number of int8, zeros"),
        ((*GOOD, "--arg", "x:float32[99999999999999]"), "there is no memory for the launch's arrays"),
        (("launches.py:boom",), "launches.py:boom raised RuntimeError: mine"),
        (("launches.py:wrong",), "the launch returned 5, but must return an array, several, or none"),
        (("launches.py:differ",), "the launch returned call 1 first, but call 2 with"),
        (("launches.py:not_callable",), "launches.py has no function 'not_callable'"),
        (("launches.py",), "launches.py has no function 'launch'"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, tuple) else "",
)
def test_what_is_no_launch(sanitize, arguments, said):
    ran = sanitize(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("refconv sanitize: ")
    assert said in ran.err


@pytest.mark.parametrize("name", ["barriers", "sleeps", "polls", "reads"])
@pytest.mark.parametrize("threads", [1, 64])
def test_an_endless_loop_uses_up_the_budget(name, threads, folder):
    kernel = RawModule(path=folder / "endless.cu", check=True, step_budget=100_000).get_function(name)
    with pytest.raises(KernelTrap, match="endless loop") as raised:
        kernel((1,), (threads,), (np.zeros(1, np.int32),))
    assert raised.value.finding.line == 1 + ["barriers", "sleeps", "polls", "reads"].index(name)


def test_control_c_ends_it(folder):
    command = (
        Path(sys.executable).parent / "refconv",
        "sanitize",
        "endless.cu",
        "--kernel",
        "barriers",
        "--block",
        "64",
        "--arg",
        "int32[1]",
    )
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "refconv sanitize: interrupted\n")
