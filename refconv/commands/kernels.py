"""``refconv kernels``: what each CUDA compiler makes of each kernel."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from refconv.commands import options as read

HELP = "compile our kernels, or any file, for every architecture: registers, spills, occupancy"
DESCRIPTION = (
    "Compiles every kernel with the NVRTC of this environment, for every architecture that it knows, "
    "with warnings as errors, and prints what each takes. No GPU is needed. Exit status: 0 all compiled and no "
    "spill is without use, 1 one did not, or is worse than in the report it is compared with, 2 it could not run."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments, which `run` takes parsed."""
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE.cu", help="a file of yours, not our kernels")
    parser.add_argument(
        "--name", action="append", default=[], metavar="EXPR", help="a template instance of FILE.cu: 'kernel<float>'"
    )
    parser.add_argument("--threads", type=read.positive, metavar="N", help="of a block of FILE.cu's (default 128)")
    parser.add_argument(
        "--shared", type=read.positive, default=0, metavar="BYTES", help="dynamic shared memory of a block of FILE.cu's"
    )
    parser.add_argument(
        "--option", action="append", default=[], metavar="FLAG", help="for FILE.cu: --option=-std=c++17"
    )
    parser.add_argument(
        "--arch", action="append", default=[], metavar="sm_XX", help="only this architecture; may be repeated"
    )
    parser.add_argument("--json", type=Path, metavar="REPORT", help="write a report")
    parser.add_argument("--compare", type=Path, metavar="REPORT", help="fail for what is worse than in this report")
    parser.add_argument(
        "--table", nargs="+", type=Path, metavar="REPORT", help="compile nothing; print one table of these reports"
    )
    parser.add_argument(
        "--choose",
        type=read.problem,
        metavar="PROBLEM",
        help="compile nothing; say which kernel each operator of a problem gets, and why",
    )
    parser.add_argument("--dtype", help="for --choose: the precision (default float32)")
    parser.add_argument(
        "--jobs",
        type=read.positive,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="processes (default: one a processor)",
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command on what `add_arguments` parsed; returns the exit status."""
    from refconv_cuda.kernel_report import command

    return command.run(options)
