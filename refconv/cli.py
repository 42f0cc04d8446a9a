"""The command line: a thin face over the property suite.

Only this module of the package knows the other two, and imports them when a command needs them.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from refconv import __version__
from refconv.problem import Problem


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs ``refconv``; returns its exit status."""
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="refconv", description="Prove 2-D convolutions right, or find the smallest problem where they are wrong."
    )
    parser.add_argument("--version", action="version", version=f"refconv {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_check(commands)
    _add_sanitize(commands)
    _add_kernels(commands)
    _add_explain(commands)
    _add_certify(commands)
    laws = commands.add_parser("laws", help="print the catalogue of laws")
    laws.set_defaults(command=_laws)
    implementations = commands.add_parser(
        "implementations", help="print what is registered, and what is unavailable, and why"
    )
    implementations.add_argument("--json", type=Path, metavar="FILE", help="write the same as JSON")
    implementations.set_defaults(command=_implementations)
    return parser


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser(
        "check",
        help="test a convolution against the laws",
        description="Tests convolutions against the laws; without --impl, refconv's own CUDA kernels. "
        "Exit status: 0 every law held, 1 a law was broken, 2 it could not run.",
    )
    check.add_argument("problems", nargs="*", type=_problem, metavar="PROBLEM", help="only these, as b1h5w7i3o4k3s2p1")
    check.add_argument(
        "--impl",
        action="append",
        default=[],
        metavar="NAME|MODULE:OBJ|FILE.py:OBJ",
        help="what to test: a registered name, an object of a module, or of a file; may be repeated",
    )
    check.add_argument("--device", choices=("auto", "gpu", "simulator"), default="auto", help="where CUDA kernels run")
    check.add_argument("--dtype", action="append", default=[], help="test in this dtype; may be repeated")
    check.add_argument("--law", action="append", default=[], metavar="NAME", help="test this law; may be repeated")
    check.add_argument(
        "--profile",
        choices=("quick", "ci", "thorough"),
        default="quick",
        help="examples for each law: 200, 1,000 or 10,000",
    )
    check.add_argument("--examples", type=_positive, metavar="N", help="examples for each law, whatever the profile")
    check.add_argument("--seed", type=_seed, metavar="N", help="what everything is drawn from (default: at random)")
    check.add_argument("--json", type=Path, metavar="FILE", help="write a report")
    check.add_argument("--coverage", action="store_true", help="print how many examples lay in each geometry cell")
    check.add_argument(
        "--replay", type=Path, metavar="FILE", help="try only the counterexamples that an earlier --json has written"
    )
    check.add_argument(
        "--database",
        metavar="FOLDER|redis://HOST|none",
        help="where failures are kept, to be tried first in the next run (default: in the user's cache)",
    )
    check.add_argument(
        "--time-limit", type=_seconds, default=10.0, metavar="SECONDS", help="for one call of an operator (default 10)"
    )
    check.add_argument("--jobs", type=_positive, metavar="N", help="processes (default: one a processor)")
    check.set_defaults(command=_check)


def _add_sanitize(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sanitize = commands.add_parser(
        "sanitize",
        help="run any CUDA kernel on the simulator, checked, under many schedules",
        description="Runs one launch of a kernel on the CPU, watching every access to memory, under many orders of its "
        "threads. FILE is a .cu file, with the launch described by the options, or a Python file with a function "
        "launch(simulator) that does it, with the simulator in CuPy's place, and returns the arrays that count. "
        "Exit status: 0 nothing found, 1 something found, 2 it could not run.",
    )
    sanitize.add_argument("file", metavar="FILE.cu|FILE.py[:FUNCTION]")
    sanitize.add_argument("--kernel", metavar="NAME", help="a kernel's name, or a template instance: 'kernel<float>'")
    sanitize.add_argument("--grid", type=_triple, default=(1,), metavar="X[,Y[,Z]]", help="blocks (default 1)")
    sanitize.add_argument("--block", type=_triple, default=(32,), metavar="X[,Y[,Z]]", help="threads (default 32)")
    sanitize.add_argument(
        "--arg",
        action="append",
        default=[],
        metavar="[NAME:]DTYPE[SHAPE]=FILL",
        help="the kernel's arguments, in order: float32[8x4]=arange (or zeros, ones, random, empty, 2.5), int32=5",
    )
    sanitize.add_argument("--shared", type=int, default=0, metavar="BYTES", help="dynamic shared memory of a block")
    sanitize.add_argument(
        "--option", action="append", default=[], metavar="FLAG", help="for the compiler: --option=-DN=4"
    )
    sanitize.add_argument("--schedules", type=_positive, default=50, metavar="N", help="how many (default 50)")
    sanitize.add_argument("--seed", type=_seed, default=0, metavar="N", help="what the schedules are drawn from")
    sanitize.set_defaults(command=_sanitize)


def _add_kernels(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    kernels = commands.add_parser(
        "kernels",
        help="compile our kernels, or any file, for every architecture: registers, spills, occupancy",
        description="Compiles every kernel with the NVRTC of this environment, for every architecture that it knows, "
        "with warnings as errors, and prints what each takes. No GPU is needed. Exit status: 0 all compiled and no "
        "spill is without use, 1 one did not, or is worse than in the report it is compared with, 2 it could not run.",
    )
    kernels.add_argument("file", nargs="?", type=Path, metavar="FILE.cu", help="a file of yours, not our kernels")
    kernels.add_argument(
        "--name", action="append", default=[], metavar="EXPR", help="a template instance of FILE.cu: 'kernel<float>'"
    )
    kernels.add_argument("--threads", type=_positive, metavar="N", help="of a block of FILE.cu's (default 128)")
    kernels.add_argument(
        "--shared", type=_positive, default=0, metavar="BYTES", help="dynamic shared memory of a block of FILE.cu's"
    )
    kernels.add_argument(
        "--option", action="append", default=[], metavar="FLAG", help="for FILE.cu: --option=-std=c++17"
    )
    kernels.add_argument(
        "--arch", action="append", default=[], metavar="sm_XX", help="only this architecture; may be repeated"
    )
    kernels.add_argument("--json", type=Path, metavar="REPORT", help="write a report")
    kernels.add_argument("--compare", type=Path, metavar="REPORT", help="fail for what is worse than in this report")
    kernels.add_argument(
        "--table", nargs="+", type=Path, metavar="REPORT", help="compile nothing; print one table of these reports"
    )
    kernels.add_argument(
        "--jobs",
        type=_positive,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="processes (default: one a processor)",
    )
    kernels.set_defaults(command=_kernels)


def _add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from refconv.explain import command

    explain = commands.add_parser("explain", help=command.HELP, description=command.DESCRIPTION)
    command.add_arguments(explain)
    explain.set_defaults(command=command.run)


def _add_certify(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from refconv import certify

    parser = commands.add_parser("certify", help=certify.HELP, description=certify.DESCRIPTION)
    certify.add_arguments(parser)
    parser.set_defaults(command=certify.run)


def _sanitize(options: argparse.Namespace) -> int:
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


def _kernels(options: argparse.Namespace) -> int:
    from refconv_cuda.kernel_report import command

    return command.run(options)


def _check(options: argparse.Namespace) -> int:
    from refconv_cuda.simulator import cache
    from refconv_properties.check import Request, check

    seed = options.seed
    if seed is None:
        seed = 0 if options.problems else secrets.randbelow(2**32)
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


def _laws(options: argparse.Namespace) -> int:
    from refconv_properties.laws import catalogue

    for law in catalogue().values():
        print(f"{law.name}\n    {law.formula}\n    kills: {law.kills}\n    seen:  {', '.join(law.seen)}")
        print(f"    trust: {law.trust}" + ("\n    needs: refconv's formulas" if law.reference else ""))
    return 0


def _implementations(options: argparse.Namespace) -> int:
    rows = [*_described_implementations()]
    lines = [["implementation", "version", "device", "dtypes", "operators"]]
    for row in rows:
        reason = row.get("unavailable")
        rest = ["-", "-", f"unavailable: {reason}", ""] if reason else [_words(row[name]) for name in lines[0][1:]]
        lines.append([_words(row["implementation"]), *rest])
    widths = [max(len(line[column]) for line in lines if line[4]) for column in range(4)]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, [*widths, 0], strict=True)).rstrip())
    if options.json is not None:
        try:
            options.json.write_text(json.dumps({"version": __version__, "implementations": rows}, indent=1) + "\n")
        except OSError as error:
            print(f"refconv implementations: cannot write {options.json}: {error.strerror}", file=sys.stderr)
            return 2
    return 0


def _described_implementations() -> Iterator[dict[str, str | Sequence[str]]]:
    """What is registered, by name, none of it made ready to run: importing every framework would take long."""
    from refconv.implementation import ImplementationError, load, registered

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


def _problem(text: str) -> Problem:
    try:
        return Problem.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _triple(text: str) -> tuple[int, ...]:
    numbers = text.split(",")
    if not 1 <= len(numbers) <= 3:
        raise argparse.ArgumentTypeError(f"{text!r} must be one to three numbers, as 4,2")
    return tuple(_positive(number) for number in numbers)


def _positive(text: str) -> int:
    return int(_number(text, int, "a whole number, at least 1", lambda value: value >= 1))


def _seed(text: str) -> int:
    return int(_number(text, int, "a whole number, at least 0 and below 2^32", lambda value: 0 <= value < 2**32))


def _seconds(text: str) -> float:
    return _number(text, float, "a number of seconds above 0", lambda value: 0 < value < float("inf"))


def _number(text: str, kind: type[float], rule: str, holds: Callable[[float], bool]) -> float:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not holds(value):
        raise argparse.ArgumentTypeError(f"{text!r} must be {rule}")
    return value
