"""Whoever times a kernel's call can leave out what the compiler takes of it.

A kernel is compiled in the call that first needs it, for seconds on a busy machine, and what comes of it is kept: so
that time says nothing about the kernel.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

Pause = Callable[[], AbstractContextManager[None]]

_pauses: list[Pause] = []
_compiling = threading.local()


@contextmanager
def pausing(pause: Pause) -> Iterator[None]:
    """While inside, whatever is compiled is compiled within ``pause()``."""
    _pauses.append(pause)
    try:
        yield
    finally:
        _pauses.remove(pause)


@contextmanager
def compiling() -> Iterator[None]:
    """A compiler runs inside; within another such block, nothing new begins."""
    if getattr(_compiling, "now", False):
        yield
        return
    with ExitStack() as stack:
        for pause in _pauses:
            stack.enter_context(pause())
        _compiling.now = True
        stack.callback(setattr, _compiling, "now", False)
        yield
