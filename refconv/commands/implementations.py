"""``refconv implementations``: what can be tested by name."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from refconv import __version__
from refconv.implementation import ImplementationError, load, registered

HELP = "print what is registered, and what is unavailable, and why"
DESCRIPTION = "Prints the registered implementations: version, device, dtypes, operators; or why one is unavailable."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments, which `run` takes parsed."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same as JSON")


def run(options: argparse.Namespace) -> int:
    """Runs the command on what `add_arguments` parsed; returns the exit status."""
    rows = [*_described()]
    lines = [["implementation", "version", "device", "dtypes", "operators"]]
    for row in rows:
        reason = row.get("unavailable")
        rest = ["-", "-", f"unavailable: {reason}", ""] if reason else [_words(row[name]) for name in lines[0][1:]]
        lines.append([_words(row["implementation"]), *rest])
    # A reason may be long, and has the rest of its line to itself.
    widths = [max(len(line[column]) for line in lines if column < 3 or line[4]) for column in range(4)]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, [*widths, 0], strict=True)).rstrip())
    if options.json is not None:
        try:
            options.json.write_text(json.dumps({"version": __version__, "implementations": rows}, indent=1) + "\n")
        except OSError as error:
            print(f"refconv implementations: cannot write {options.json}: {error.strerror}", file=sys.stderr)
            return 2
    return 0


def _described() -> Iterator[dict[str, str | Sequence[str]]]:
    """What is registered, by name, none of it made ready to run: importing every framework would take long."""
    for name in registered():
        try:
            found = load(name, device=None)
        except ImplementationError as reason:
            yield {"implementation": name, "unavailable": str(reason)}
        else:
            yield {
                "implementation": name,
                "version": found.version,
                "device": found.device,
                "dtypes": found.dtypes,
                "operators": found.operators,
            }


def _words(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)
