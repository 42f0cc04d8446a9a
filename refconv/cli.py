"""The command line. Each command is a module of `refconv.commands`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from refconv import __version__
from refconv.commands import bench, certify, check, explain, implementations, kernels, laws, report, sanitize

COMMANDS = {
    "check": check,
    "explain": explain,
    "certify": certify,
    "sanitize": sanitize,
    "kernels": kernels,
    "bench": bench,
    "report": report,
    "laws": laws,
    "implementations": implementations,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs ``refconv``; returns its exit status."""
    _open_streams()
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        status: int = options.command(options)
    except ModuleNotFoundError as error:
        if error.name not in ("hypothesis", "pytest", "rich"):
            raise
        print(f"refconv: this needs {error.name}: pip install 'refconv[cpu]'", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python must not try to flush what nobody reads.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _open_streams() -> None:
    """What was closed (``>&-``) goes nowhere: Python has None there, and the next file opened would take its place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: SIM115 (open as long as the process)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="refconv", description="Prove 2-D convolutions right, or find the smallest problem where they are wrong."
    )
    parser.add_argument("--version", action="version", version=f"refconv {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=module.HELP, description=module.DESCRIPTION)
        module.add_arguments(command)
        command.set_defaults(command=module.run)
    return parser
