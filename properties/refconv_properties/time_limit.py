"""How long a call may take: an alarm, which stands still while a kernel is compiled."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from refconv_properties.broken import TimeLimitExceeded


class TimeLimit:
    """Raises `TimeLimitExceeded` in the ``with`` block after so many seconds; in a thread without signals, never."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._works = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> TimeLimit:
        if self._works:
            self._before = signal.signal(signal.SIGALRM, self._ring)
            self._started = time.monotonic()
            self._others, _ = signal.setitimer(signal.ITIMER_REAL, self._seconds)
        return self

    def __exit__(self, *_: object) -> None:
        if not self._works:
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)
        if self._others:  # somebody else's alarm, pytest-timeout's for example
            signal.setitimer(signal.ITIMER_REAL, max(0.001, self._others - (time.monotonic() - self._started)))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside, the time does not count."""
        left = signal.setitimer(signal.ITIMER_REAL, 0)[0] if self._works else 0
        try:
            yield
        finally:
            if left:
                signal.setitimer(signal.ITIMER_REAL, left)

    @staticmethod
    def _ring(signum: int, frame: object) -> None:
        # Once more a moment later: an `except` clause of the implementation may have caught this one.
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        raise TimeLimitExceeded
