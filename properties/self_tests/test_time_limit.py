"""The limit on a call: it does not count the time in which a kernel is compiled."""

import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest

from refconv import windows
from refconv.formats import format_of
from refconv.implementation import Implementation
from refconv.problem import Problem
from refconv_cuda import simulator
from refconv_cuda.compiling import compiling, pausing
from refconv_properties.broken import TimeLimitExceeded
from refconv_properties.subject import Subject

PROBLEM = Problem.parse("b1h2w2i1o1k1")
X, W = np.ones((1, 2, 2, 1), np.float32), np.ones((1, 1, 1, 1), np.float32)
LIMIT = 0.3


class Compiles:
    """Takes so many seconds to compile, and so many then."""

    def __init__(self, to_compile, then=0.0):
        self.to_compile, self.then = to_compile, then

    def forward(self, x, w, problem):
        with compiling():
            time.sleep(self.to_compile)
        time.sleep(self.then)
        return windows.forward(x, w, problem)


def forward(target, on_call=lambda what: None):
    implementation = Implementation("it", "it", "host", ("float32",), ("forward",), target)
    return Subject(implementation, format_of("float32"), LIMIT, on_call).forward(X, W, PROBLEM)


def test_what_is_compiled_does_not_count():
    assert (forward(Compiles(2 * LIMIT)) == 1).all()


def test_what_comes_after_it_does():
    with pytest.raises(TimeLimitExceeded, match=r"forward did not return within 0\.3 s"):
        forward(Compiles(2 * LIMIT, then=20))


def test_while_it_is_compiled_no_call_is_under_way():
    told = []
    forward(Compiles(0), told.append)
    assert told == ["supports", None, "forward", None, "forward", None]


def test_the_simulators_compiler_says_when_it_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("REFCONV_CACHE_DIR", str(tmp_path))
    code, pauses = 'extern "C" __global__ void nothing() {}', []

    @contextmanager
    def pause():
        pauses.append("begins")
        yield
        pauses.append("ends")

    def run():
        simulator.RawModule(code=code).get_function("nothing")((1,), (1,), ())

    with pausing(pause):
        run()
        assert pauses == ["begins", "ends"] * 2  # the preprocessor, and all else
        run()
        assert pauses == ["begins", "ends"] * 2


SLOW_KERNEL = """
import time
from refconv import windows
from refconv_cuda.compiling import compiling


class Conv:
    compiled = False

    def forward(self, x, w, problem):
        if not Conv.compiled:
            with compiling():
                time.sleep(4)
            Conv.compiled = True
        return windows.forward(x, w, problem)
"""


def test_a_slow_compiler_breaks_no_law(tmp_path):
    """Nor is its process killed, which would come two seconds beyond the limit."""
    (tmp_path / "slow_kernel.py").write_text(SLOW_KERNEL)
    command = [sys.executable, "-m", "refconv", "check", str(PROBLEM), "--impl", f"{tmp_path}/slow_kernel.py:Conv"]
    options = ["--law", "index-sum", "--dtype", "float32", "--time-limit", "0.5"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
