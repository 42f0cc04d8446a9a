"""``refconv report``: a page of what is stored, as HTML and Markdown."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HELP = "a page of stored results: speed, laws, geometry, compilers; as HTML and Markdown"
DESCRIPTION = (
    "Makes one self-contained HTML page, and Markdown with its figures beside it, from stored JSON alone: results of "
    "refconv bench, reports of refconv check and refconv kernels, and reports/findings.json. Nothing is measured, and "
    "figures of different machines are not compared. Exit status: 0 written, 2 it could not be."
)
_NEEDS = ("jinja2", "markupsafe", "matplotlib", "msgspec")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments, which `run` takes parsed."""
    parser.add_argument(
        "results",
        nargs="*",
        type=Path,
        metavar="RESULTS.json",
        help="of any of these kinds (default: all below reports/)",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="default: build/report.html, without --markdown")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="its figures become files in the folder figures/ beside it"
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command on what `add_arguments` parsed; returns the exit status."""
    try:
        from refconv_reports.page import command
    except ModuleNotFoundError as error:
        if error.name not in _NEEDS:
            raise
        print(f"refconv report: this needs {error.name}: pip install 'refconv[report]'", file=sys.stderr)
        return 2
    return command.run(options)
