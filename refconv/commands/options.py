"""Arguments of the command line: each is read, or refused in a sentence."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from refconv.problem import Problem


def problem(text: str) -> Problem:
    """A problem's text form."""
    try:
        return Problem.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def triple(text: str) -> tuple[int, ...]:
    """One to three numbers, as 4,2."""
    numbers = text.split(",")
    if not 1 <= len(numbers) <= 3:
        raise argparse.ArgumentTypeError(f"{text!r} must be one to three numbers, as 4,2")
    return tuple(positive(number) for number in numbers)


def positive(text: str) -> int:
    """A whole number, at least 1."""
    return int(_number(text, int, "a whole number, at least 1", lambda value: value >= 1))


def seed(text: str) -> int:
    """A whole number below 2^32."""
    return int(_number(text, int, "a whole number, at least 0 and below 2^32", lambda value: 0 <= value < 2**32))


def seconds(text: str) -> float:
    """A number of seconds above 0."""
    return _number(text, float, "a number of seconds above 0", lambda value: 0 < value < float("inf"))


def _number(text: str, kind: type[float], rule: str, holds: Callable[[float], bool]) -> float:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not holds(value):
        raise argparse.ArgumentTypeError(f"{text!r} must be {rule}")
    return value


def add_device(parser: argparse.ArgumentParser) -> None:
    """Adds ``--device`` for what runs on a GPU or on the simulator."""
    parser.add_argument("--device", choices=("auto", "gpu", "simulator"), default="auto", help="where CUDA kernels run")


def add_time_limit(parser: argparse.ArgumentParser) -> None:
    """Adds ``--time-limit``, in seconds."""
    parser.add_argument(
        "--time-limit",
        type=seconds,
        default=10.0,
        metavar="SECONDS",
        help="for one call of an operator, without what its kernel takes to compile (default 10)",
    )
