"""``refconv kernels``: what the compiler makes of each kernel, on every architecture, without a GPU.

The command line; the work is done by `kernel_survey`, kept by `kernel_figures`, judged by `kernel_comparison` and
`kernel_spills`, and printed by `kernel_tables`, which are imported when the command runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

HELP = "compile our kernels, or any file, for every architecture; registers, spills, occupancy"
DESCRIPTION = (
    "Compiles every kernel with the NVRTC of this environment, for every architecture that it supports, with warnings "
    "as errors, and prints what each takes. No GPU is needed. Exit status: 0 all compiled and no spill is without use, "
    "1 one did not, or is worse than in the report it is compared with, 2 it could not run."
)


def main(arguments: list[str]) -> int:
    """``refconv kernels`` with these arguments; returns the exit status."""
    parser = argparse.ArgumentParser(prog="refconv kernels", description=DESCRIPTION)
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``refconv kernels``, which `run` takes parsed."""
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE.cu", help="a file of yours, instead of our kernels")
    parser.add_argument(
        "--name", action="append", default=[], metavar="EXPR", help="a template instance of FILE: 'kernel<float>'"
    )
    parser.add_argument("--threads", type=int, default=128, metavar="N", help="of a block of FILE's (default 128)")
    parser.add_argument("--option", action="append", default=[], metavar="FLAG", help="for FILE: --option=-std=c++17")
    parser.add_argument(
        "--arch", action="append", default=[], metavar="sm_XX", help="only this architecture; may be repeated"
    )
    parser.add_argument("--json", type=Path, metavar="REPORT", help="write a report")
    parser.add_argument("--compare", type=Path, metavar="REPORT", help="say what is worse than in this report, and fail")
    parser.add_argument(
        "--merge", nargs="+", type=Path, metavar="REPORT", help="compile nothing; one table of these reports"
    )
    parser.add_argument(
        "--jobs", type=int, default=len(os.sched_getaffinity(0)), metavar="N", help="processes (default: one a processor)"
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command on what `add_arguments` parsed; returns the exit status."""
    from refconv_cuda.nvrtc import NvrtcMissing

    try:
        return _merge(options.merge) if options.merge else _survey(options)
    except (NvrtcMissing, ValueError, OSError) as reason:
        print(f"refconv kernels: {reason}", file=sys.stderr)
        return 2


def _merge(paths: list[Path]) -> int:
    from refconv_cuda import kernel_figures, kernel_tables

    reports = [kernel_figures.read(path) for path in paths]
    reports.sort(key=lambda report: [int(part) for part in report.nvrtc.split(".")])
    for line in kernel_tables.side_by_side(reports):
        print(line)
    return 1 if any(kernel_tables.faults(report) for report in reports) else 0


def _survey(options: argparse.Namespace) -> int:
    from refconv_cuda import kernel_figures, kernel_survey, kernel_tables, nvrtc

    before = _stored(options)
    supported = nvrtc.architectures()
    if unknown := [name for name in options.arch if name not in supported]:
        raise ValueError(f"NVRTC {nvrtc.release()} knows no {', '.join(unknown)}, but {', '.join(supported)}")
    report = kernel_survey.survey(_sources(options), options.arch or supported, options.jobs)
    for line in kernel_tables.detail(report):
        print(line)
    print()
    for line in kernel_tables.totals([report]):
        print(line)
    status = 1 if kernel_tables.faults(report) else 0
    if before is not None:
        status = max(status, _compared(before, report))
    return max(status, _written(options, report, status))
