"""``refconv kernels``: what the compiler makes of each kernel, on every architecture, without a GPU.

The command line; the work is done by `kernel_survey`, kept by `kernel_figures`, judged by `kernel_comparison` and
`kernel_spills`, and printed by `kernel_tables`, which are imported when the command runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refconv_cuda.kernel_figures import Report
    from refconv_cuda.kernel_survey import Source

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
    parser.add_argument("--compare", type=Path, metavar="REPORT", help="fail for what is worse than in this report")
    parser.add_argument(
        "--merge", nargs="+", type=Path, metavar="REPORT", help="compile nothing; one table of these reports"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="processes (default: one a processor)",
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
    from refconv_cuda import kernel_survey, kernel_tables, nvrtc

    before = _stored(options)
    supported = nvrtc.architectures()
    if unknown := [name for name in options.arch if name not in supported]:
        raise ValueError(f"NVRTC {nvrtc.release()} knows no {', '.join(unknown)}, but {', '.join(supported)}")
    report = kernel_survey.survey(_sources(options), options.arch or supported, options.jobs)
    for line in (*kernel_tables.detail(report), "", *kernel_tables.totals([report])):
        print(line)
    worse = before is not None and _is_worse(before, report)
    _write(options, report, worse)
    return 1 if worse or kernel_tables.faults(report) else 0


def _sources(options: argparse.Namespace) -> list[Source]:
    from refconv_cuda import kernel_survey, nvrtc

    if options.file is None:
        return kernel_survey.ours()
    if not options.file.is_file():
        raise ValueError(f"there is no file {options.file}")
    threads = dict.fromkeys(options.name, options.threads)
    flags = tuple(options.option)
    if not any(flag.lstrip("-").startswith("std=") for flag in flags):
        flags = (*nvrtc.OPTIONS, *flags)
    return [kernel_survey.Source(options.file.name, threads, options.threads, options.file.resolve(), flags)]


def _stored(options: argparse.Namespace) -> Report | None:
    """The report to compare with, as far as this run goes; None where there is none yet and this run writes it."""
    from refconv_cuda import kernel_figures

    if options.compare is None:
        return None
    if options.compare == options.json and not options.compare.exists():
        print(f"{options.compare} is not there yet, so there is nothing to compare with")
        return None
    report = kernel_figures.read(options.compare)
    return report.only(options.arch) if options.arch else report


def _is_worse(before: Report, after: Report) -> bool:
    from refconv_cuda.kernel_comparison import compare

    found = compare(before, after)
    print(f"Compared with NVRTC {before.nvrtc}: {'worse' if found.worse else 'no worse'}")
    for text in found.worse:
        print(f"  worse: {text}")
    for text in found.notes:
        print(f"  {text}")
    return bool(found.worse)


def _write(options: argparse.Namespace, report: Report, worse: bool) -> None:
    """Writes the report, but never a worse one over the one that it was found worse than."""
    path: Path | None = options.json
    if path is None:
        return
    if worse and path == options.compare:
        path = path.with_suffix(".new.json")
        print(f"To accept these figures: mv {path} {options.json}")
    report.write(path)
