"""Work in a process of its own, watched from outside: an implementation may hang, or take its process down."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable

GRACE = 2.0  # seconds beyond the limit in which a process may still end the call by itself

OnCall = Callable[[str | None], None]


def watched(work: Callable[[OnCall], int], limit: float) -> tuple[int, str]:
    """Runs ``work`` in a child process; returns its exit status, and an empty string or how it came to grief.

    work: gets a function to tell of each call before it happens, and of None after it. limit: seconds for one call.
    Where a call took the process down, or had to be ended, the status is 1.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    ear, mouth = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ear)
        _run(work, mouth)  # does not return
    os.close(mouth)
    try:
        running, late = _listen(ear, limit)
        if late:
            os.kill(child, signal.SIGKILL)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        os.close(ear)
        _, code = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(code)
    if late:
        return 1, f"{running} did not return within {limit:g} s, and had to be ended"
    if not running and code >= 0:
        return code, ""
    manner = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
    return 1, f"the process {manner}" + (f" while {running} was running" if running else "")


def _run(work: Callable[[OnCall], int], mouth: int) -> None:
    """The child: ends with the work's status."""

    def on_call(what: str | None) -> None:
        os.write(mouth, f"{what or ''}\n".encode())

    status = 70
    try:
        status = work(on_call)
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        # Not `sys.exit`, which would go on in what the parent was about to do.
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _listen(ear: int, limit: float) -> tuple[str, bool]:
    """Until the child is gone or late: what was running then, and whether it was late."""
    running, since, buffer = "", time.monotonic(), b""
    while True:
        wait = since + limit + GRACE - time.monotonic() if running else None
        if wait is not None and wait <= 0:
            return running, True
        if not select.select([ear], [], [], wait)[0]:
            continue
        data = os.read(ear, 4096)
        if not data:
            return running, False
        *lines, buffer = (buffer + data).split(b"\n")
        if lines:
            running, since = lines[-1].decode(), time.monotonic()
