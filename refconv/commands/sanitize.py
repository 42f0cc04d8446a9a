"""``refconv sanitize``: one launch of any kernel on the simulator, checked, under many schedules."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from refconv.commands import options as read

HELP = "run any CUDA kernel on the simulator, checked, under many schedules"
DESCRIPTION = (
    "Runs one launch of a kernel on the CPU, watching every access to memory, under many orders of its "
    "threads. FILE is a .cu file, with the launch described by the options, or a Python file with a function "
    "launch(simulator) that does it, with the simulator in CuPy's place, and returns the arrays that count. "
    "Exit status: 0 nothing found, 1 something found, 2 it could not run."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments, which `run` takes parsed."""
    parser.add_argument("file", metavar="FILE.cu|FILE.py[:FUNCTION]")
    parser.add_argument("--kernel", metavar="NAME", help="a kernel's name, or a template instance: 'kernel<float>'")
    parser.add_argument("--grid", type=read.triple, default=(1,), metavar="X[,Y[,Z]]", help="blocks (default 1)")
    parser.add_argument("--block", type=read.triple, default=(32,), metavar="X[,Y[,Z]]", help="threads (default 32)")
    parser.add_argument(
        "--arg",
        action="append",
        default=[],
        metavar="[NAME:]DTYPE[SHAPE]=FILL",
        help="the kernel's arguments, in order: float32[8x4]=arange (or zeros, ones, random, empty, 2.5), int32=5",
    )
    parser.add_argument("--shared", type=int, default=0, metavar="BYTES", help="dynamic shared memory of a block")
    parser.add_argument(
        "--option", action="append", default=[], metavar="FLAG", help="for the compiler: --option=-DN=4"
    )
    parser.add_argument("--schedules", type=read.positive, default=50, metavar="N", help="how many (default 50)")
    parser.add_argument("--seed", type=read.seed, default=0, metavar="N", help="what the schedules are drawn from")


def run(options: argparse.Namespace) -> int:
    """Runs the command on what `add_arguments` parsed; returns the exit status."""
    from refconv_cuda.simulator import command

    place, _, name = options.file.partition(":")
    try:
        if place.endswith(".py"):
            launch = command.file_launch(Path(place), name or "launch")
        elif options.kernel is None:
            raise command.UsageError("--kernel must name the kernel of a .cu file")
        elif not Path(place).is_file():
            raise command.UsageError(f"there is no file {place}")
        else:
            launch = command.kernel_launch(
                Path(place),
                options.kernel,
                options.grid,
                options.block,
                [command.Argument.parse(text) for text in options.arg],
                shared_mem=options.shared,
                options=options.option,
            )
    except command.UsageError as error:
        print(f"refconv sanitize: {error}", file=sys.stderr)
        return 2
    return command.run(launch, options.kernel or options.file, count=options.schedules, seed=options.seed)
