"""What `refconv check` shows on a terminal: rich's work. Without rich the same runs, without a bar and colours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

WIDE = 1000  # characters: where nobody has a window, no line is wrapped


@dataclass(frozen=True)
class Page:
    """What the report is laid out for. width: in characters."""

    width: int
    colour: bool
    encoding: str


def page() -> Page:
    """Standard output's."""
    try:
        from rich.console import Console
    except ImportError:
        return Page(WIDE, False, sys.stdout.encoding)
    out = Console(highlight=False)
    return Page(out.width if out.is_terminal else WIDE, out.is_terminal and not out.no_color, out.encoding)


@contextmanager
def progress() -> Iterator[Callable[[int, int, str, str], None]]:
    """A bar on standard error, if that is a terminal: takes the total, how much is done, a text, and what is doing."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:
        yield lambda total, done, text, doing: None
        return
    console = Console(stderr=True, highlight=False)
    doing_column = TextColumn("{task.fields[doing]}", markup=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), doing_column)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task("starting", total=None, doing="")

        def show(total: int, done: int, text: str, doing: str) -> None:
            bars.update(bar, total=total, completed=done, description=text, doing=doing)

        yield show
