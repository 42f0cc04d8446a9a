"""``refconv bench``: how fast it is, exactness first."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

from refconv.commands import options as read
from refconv.problem import OPERATORS

HELP = "measure layers, certified exact first, beside PyTorch's and JAX's convolutions"
DESCRIPTION = (
    "Measures convolutions on layers of known networks: on a GPU refconv's kernels beside cuDNN and cuBLAS in the same "
    "precision, elsewhere refconv's formulas beside PyTorch and JAX, on layers scaled down. A result counts only after "
    "it was certified exact. Exit status: 0 all were right, 1 one was wrong, 2 it could not run."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``refconv bench``, which `run` takes parsed."""
    parser.add_argument(
        "layers",
        nargs="*",
        metavar="LAYER|PROBLEM",
        help="layers of the table, as rn50_*, or problems, as b8h14w14i64o64k3p1",
    )
    parser.add_argument("--layers", dest="table", type=Path, metavar="CSV", help="another table of layers")
    parser.add_argument(
        "--after", metavar="LAYER", help="begin behind this layer, where an earlier run has come to its end"
    )
    parser.add_argument(
        "--operator", action="append", default=[], choices=OPERATORS, help="only this one; may be repeated"
    )
    parser.add_argument(
        "--impl",
        action="append",
        default=[],
        metavar="NAME|MODULE:OBJ|FILE.py:OBJ",
        help="what to measure, 'all' for all of refconv's kernels; may be repeated",
    )
    parser.add_argument(
        "--peer", action="append", default=[], metavar="NAME", help="whom to compare it with; may be repeated"
    )
    parser.add_argument(
        "--dtype",
        action="append",
        default=[],
        metavar="NAME",
        help="in float64, float32, tf32, float16 or bfloat16; may be repeated",
    )
    parser.add_argument("--device", choices=("auto", "gpu", "cpu", "simulator"), default="auto", help="where to run")
    parser.add_argument(
        "--seconds", type=read.seconds, metavar="BUDGET", help="begin nothing new after that time (default: no limit)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the results (default: reports/results/<machine>-<date>.json)"
    )
    parser.add_argument(
        "--compare", type=Path, metavar="FILE", help="print the ratio to an earlier run on the same kind of machine"
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command on what `add_arguments` parsed; returns the exit status."""
    if importlib.util.find_spec("pytest_benchmark") is None:
        print("refconv bench: this needs pytest-benchmark: pip install 'refconv[bench]'", file=sys.stderr)
        return 2
    from refconv_reports.bench import command
    from refconv_reports.bench.choose import Wanted

    wanted = Wanted(
        texts=options.layers,
        table=options.table,
        operators=tuple(operator for operator in OPERATORS if operator in options.operator),
        implementations=options.impl,
        peers=options.peer,
        dtypes=tuple(dict.fromkeys(options.dtype)),
        after=options.after,
    )
    return command.bench(command.Request(wanted, options.device, options.seconds, options.out, options.compare))
