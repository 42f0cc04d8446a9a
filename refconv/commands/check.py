"""``refconv check``: the laws, on an implementation."""

from __future__ import annotations

import argparse
import os
import secrets
from pathlib import Path

from refconv.commands import options as read

HELP = "test a convolution against the laws"
DESCRIPTION = (
    "Tests convolutions against the laws; without --impl, refconv's own CUDA kernels. "
    "Exit status: 0 every law held, 1 a law was broken, 2 it could not run."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments, which `run` takes parsed."""
    parser.add_argument(
        "problems", nargs="*", type=read.problem, metavar="PROBLEM", help="only these, as b1h5w7i3o4k3s2p1"
    )
    parser.add_argument(
        "--impl",
        action="append",
        default=[],
        metavar="NAME|MODULE:OBJ|FILE.py:OBJ",
        help="what to test: a registered name, an object of a module, or of a file; may be repeated",
    )
    read.add_device(parser)
    parser.add_argument(
        "--dtype",
        action="append",
        default=[],
        help="test in this format: float64, float32, tf32, float16, bfloat16 or an integer dtype; may be repeated "
        "(default: float32 and float64 where the implementation takes them, or else all that it takes)",
    )
    parser.add_argument("--law", action="append", default=[], metavar="NAME", help="test this law; may be repeated")
    parser.add_argument(
        "--profile",
        choices=("quick", "ci", "thorough"),
        default="quick",
        help="examples for each law: 200, 1,000 or 10,000",
    )
    parser.add_argument(
        "--examples", type=read.positive, metavar="N", help="examples for each law, whatever the profile"
    )
    parser.add_argument(
        "--seed",
        type=read.seed,
        metavar="N",
        help="what everything is drawn from (default: at random; with PROBLEMs, 0, 9 and 18)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write a report")
    parser.add_argument("--coverage", action="store_true", help="print how many examples lay in each geometry cell")
    parser.add_argument(
        "--replay", type=Path, metavar="FILE", help="try only the counterexamples that an earlier --json has written"
    )
    parser.add_argument(
        "--database",
        metavar="FOLDER|redis://HOST|none",
        help="where failures are kept, to be tried first in the next run (default: in the user's cache)",
    )
    read.add_time_limit(parser)
    parser.add_argument("--jobs", type=read.positive, metavar="N", help="processes (default: one a processor)")


def run(options: argparse.Namespace) -> int:
    """Runs the command on what `add_arguments` parsed; returns the exit status."""
    from refconv_cuda.simulator import cache
    from refconv_properties.check import Request, check

    seed = options.seed
    if seed is None and not options.problems:
        seed = secrets.randbelow(2**32)
    request = Request(
        problems=options.problems,
        implementations=options.impl,
        device=options.device,
        dtypes=options.dtype,
        laws=options.law,
        profile=options.profile,
        examples=options.examples,
        seed=seed,
        time_limit=options.time_limit,
        jobs=options.jobs or len(os.sched_getaffinity(0)),
        replay=options.replay,
        database=options.database or str(cache.folder() / "failures"),
    )
    return check(request, json_file=options.json, coverage=options.coverage)
