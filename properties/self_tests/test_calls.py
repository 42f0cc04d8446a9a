"""One call of an implementation: what breaks the contract, whose memory the operands are, and its time limit."""

import contextlib
import signal
import threading
import time

import numpy as np
import pytest
from law_faults import WritesToItsOperand
from searches import subject

from refconv import windows
from refconv.problem import Problem
from refconv_properties.broken import LawBroken, TimeLimitExceeded

PROBLEM = Problem.parse("b1h2w2i1o1k1")
X, W = np.ones(PROBLEM.x_shape, np.float32), np.ones(PROBLEM.w_shape, np.float32)


def forward(function, **options):
    target = type("It", (), {"forward": staticmethod(function)})()
    return subject(target, **options).forward(X, W, PROBLEM)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda x, w, problem: None, "forward returned NoneType, not a NumPy array"),
        (lambda x, w, problem: [[1.0]], "forward returned list, not a NumPy array"),
        (lambda x, w, problem: np.float32(1), "forward returned numpy.float32, not a NumPy array"),
        (lambda x, w, problem: x[0], r"forward returned shape (2, 2, 1), but Y has shape (1, 2, 2, 1)"),
        (lambda x, w, problem: x.astype(">f4"), "forward returned dtype >f4 for operands of dtype float32"),
        (lambda x, w, problem: x.astype(np.float16), "forward returned dtype float16 for operands of dtype float32"),
        (lambda x, w, problem: 1 / 0, "forward raised ZeroDivisionError: division by zero"),
        (lambda x, w: x, "forward raised TypeError: "),
        (lambda x, w, problem: x.fill(2) or x, "forward wrote to its operand: x[0,0,0,0] was 1, and is 2 afterwards"),
        (lambda x, w, problem: x.resize((0,)), "forward"),
    ],
)
def test_a_call_that_breaks_the_contract_is_a_broken_law(function, sentence):
    with pytest.raises(LawBroken) as caught:
        forward(function)
    assert sentence in str(caught.value)


def test_operands_are_handed_over_as_copies():
    def keep(x, w, problem):
        x.flags.writeable = False
        assert x.flags.c_contiguous
        assert x.base is None
        return windows.forward(x, w, problem)

    assert (forward(keep) == 1).all()
    assert X.flags.writeable


def test_writing_to_an_operand_is_seen_without_a_copy_too():
    conv = subject(WritesToItsOperand())
    with pytest.raises(LawBroken, match=r"wrote to its operand: w\[0,0,0,0\] was 1, and is 2"):
        conv.call("forward", X.copy(), W.copy(), PROBLEM, copy=False)


def test_the_time_limit_ends_a_call_and_leaves_the_alarm_as_it_was():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(True))
    signal.setitimer(signal.ITIMER_REAL, 30)
    try:
        with pytest.raises(TimeLimitExceeded, match=r"forward did not return within 0\.1 s on b1h2w2i1o1k1"):
            forward(lambda x, w, problem: time.sleep(20), time_limit=0.1)
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        assert 25 < left < 30
        signal.raise_signal(signal.SIGALRM)
        assert rung == [True]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_the_time_limit_is_not_swallowed():
    def stubborn(x, w, problem):
        with contextlib.suppress(BaseException):
            time.sleep(20)
        time.sleep(20)

    started = time.monotonic()
    with pytest.raises(TimeLimitExceeded):
        forward(stubborn, time_limit=0.1)
    assert time.monotonic() - started < 5


def test_in_another_thread_calls_work_without_a_limit():
    results = []
    thread = threading.Thread(target=lambda: results.append(forward(windows.forward, time_limit=0.1)))
    thread.start()
    thread.join()
    assert (results[0] == 1).all()
