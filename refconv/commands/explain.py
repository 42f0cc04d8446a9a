"""``refconv explain``: what is wrong with an implementation on one problem."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from refconv import exact
from refconv.commands import options as read
from refconv.commands.watched import OnCall, watched
from refconv.explain.diagnosis import Diagnosis, diagnose, element
from refconv.explain.picture import drawn
from refconv.implementation import Implementation, ImplementationError, load
from refconv.problem import OPERANDS, OPERATORS, RESULTS, Operator, Problem

if TYPE_CHECKING:
    from refconv_properties.subject import Subject

SECONDS = 10.0  # somebody has asked, and waits

HELP = "say which terms are wrong on one problem, and what would explain it"
DESCRIPTION = (
    "Compares an implementation with the index sum on one problem, reads off which products it adds up for the first "
    "wrong element, and looks for one simple mistake that explains every element. Exit status: 0 nothing is wrong on "
    "this problem, 1 something is, 2 it could not run."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``refconv explain``, which `run` takes parsed."""
    parser.add_argument("problem", type=read.problem, metavar="PROBLEM", help="as b1h5w7i3o4k3s2p1")
    parser.add_argument("--impl", required=True, metavar="NAME|MODULE:OBJ|FILE.py:OBJ", help="what to explain")
    parser.add_argument("--operator", choices=OPERATORS, help="only this one (default: the first that is wrong)")
    parser.add_argument(
        "--dtype", help="in this format, as float32 or tf32 (default: the first that the implementation takes)"
    )
    parser.add_argument(
        "--seed", type=read.seed, default=0, metavar="N", help="what the operands are drawn from (default 0)"
    )
    read.add_device(parser)
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="draw the receptive field: .svg, or .png with Pillow"
    )
    read.add_time_limit(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command on what `add_arguments` parsed; returns the exit status."""
    problem = options.problem
    if options.picture is not None and options.picture.suffix.lower() not in (".svg", ".png"):
        print(f"refconv explain: --picture {options.picture} must end in .svg or .png", file=sys.stderr)
        return 2
    status, grief = watched(lambda on_call: _explain(options, problem, on_call), options.time_limit)
    if grief:
        print(f"{options.impl} is wrong on {problem}, seed {options.seed}\n  {grief}")
    return status


def _explain(options: argparse.Namespace, problem: Problem, on_call: OnCall) -> int:
    from refconv_properties.broken import NotApplicable
    from refconv_properties.subject import Subject

    try:
        implementation, form = load(options.impl, options.device).chosen(options.dtype)
        operators = _operators(options.operator, implementation)
        subject = Subject(implementation, form, options.time_limit, on_call)
        for operator in operators:
            if _is_wrong(subject, operator, problem, options):
                return 1
    except NotApplicable:
        reason = next(iter(subject.unsupported), "it does not say why")
        print(f"refconv explain: {implementation.name} does not support {problem}: {reason}", file=sys.stderr)
        return 2
    except (ImplementationError, ValueError, OSError, MemoryError) as error:
        text = str(error) or f"not enough memory for {problem}"
        print(f"refconv explain: {text}", file=sys.stderr)
        return 2
    where = f"{implementation.name} on {implementation.device}, {form}"
    print(f"{where}: nothing is wrong on {problem}, seed {options.seed}")
    print(f"  {', '.join(operators)}: equal to the index sum in every element")
    return 0


def _operators(only: Operator | None, implementation: Implementation) -> tuple[Operator, ...]:
    if only is None:
        return implementation.operators
    if only not in implementation.operators:
        raise ImplementationError(f"{implementation.spec} offers {', '.join(implementation.operators)}, not {only}")
    return (only,)


def _is_wrong(subject: Subject, operator: Operator, problem: Problem, options: argparse.Namespace) -> bool:
    """Whether the operator is wrong on this problem; if so, it is explained."""
    from refconv_properties.broken import LawBroken, TimeLimitExceeded

    drawn_ = exact.operands(problem, options.seed, subject.format, operators=(operator,))
    first, second = (getattr(drawn_, name) for name in OPERANDS[operator])
    call = partial(_called, subject)
    implementation = subject.implementation
    headline = (
        f"{implementation.name} on {implementation.device}, {subject.format}: {operator} is wrong on {problem}, "
        f"seed {options.seed}"
    )
    try:
        result = call(operator, first, second, problem)
    except (LawBroken, TimeLimitExceeded) as reason:
        print(f"{headline}\n  {reason}")
        return True
    diagnosis = diagnose(call, problem, operator, first, second, result, form=subject.format, seconds=SECONDS)
    if result.shape != problem.result_shape(operator):
        told = [f"{operator} returned shape {result.shape}, but {RESULTS[operator]} has shape "]
        told[0] += f"{problem.result_shape(operator)}"
    elif diagnosis.index is None:
        return False
    else:
        told = [_first_wrong(diagnosis)]
    for line in (headline, *(f"  {text}" for text in (*told, *diagnosis.sentences))):
        print(line)
    _picture(diagnosis, options)
    return True


def _called(subject: Subject, operator: Operator, first: Any, second: Any, problem: Problem) -> Any:
    return subject.call(operator, first, second, problem, any_shape=True)


def _first_wrong(diagnosis: Diagnosis) -> str:
    assert diagnosis.index is not None
    return (
        f"{element(RESULTS[diagnosis.operator], diagnosis.index)} = {_number(diagnosis.computed)}, but the index sum "
        f"gives {_number(diagnosis.expected)} ({diagnosis.wrong} of {diagnosis.size} elements differ)"
    )


def _number(value: float) -> str:
    return str(int(value)) if np.isfinite(value) and value == int(value) else str(value)


def _picture(diagnosis: Diagnosis, options: argparse.Namespace) -> None:
    picture = drawn(diagnosis)
    if picture is None:
        if options.picture is not None:
            print("there is no picture to draw: no term could be told to be wrong")
        return
    for line in ("", *picture.text()):
        print(f"  {line}".rstrip())
    if options.picture is not None:
        picture.save(options.picture)
        print(f"\n  drawn in {options.picture}")
