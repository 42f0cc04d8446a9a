"""``refconv certify``: layers of real size, verified by random projections.

`refconv.certificate` is the mathematics, `refconv.layers` the tables of layers.
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import refconv
from refconv import certificate, layers
from refconv.certificate import Expected, Pair
from refconv.commands import options as read
from refconv.commands.watched import OnCall, watched
from refconv.formats import Format
from refconv.implementation import Implementation, ImplementationError, load
from refconv.layers import Layer
from refconv.problem import OPERATORS, RESULTS, Operator, Problem
from refconv_cuda import faults

HELP = "verify layers of real size, by random projections"
DESCRIPTION = (
    "Verifies the three operators on problems of real size: contracted with random integers, the result must equal the "
    "convolution of the contracted operands, exactly. That is linear in the size of the tensors, and passes a wrong "
    "result with the probability that is printed, at most. Sampled elements are compared with the literal sum. Exit "
    "status: 0 every result is right, 1 one is wrong, 2 it could not run."
)
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True)
class Row:
    """What became of one operator on one layer.

    seconds: of the implementation's call; certificate_seconds: of everything that verifies it, without the drawing of
    the operands. verdict: held, broken or skipped; reason: why it is not held.
    """

    layer: str
    problem: str
    scaled: str
    operator: str
    verdict: str
    reason: str = ""
    seconds: float = 0
    certificate_seconds: float = 0
    gflop: float = 0
    probability: float = 1
    reach: int = 0
    columns: int = 0
    samples: int = 0
    thinned: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``refconv certify``, which `run` takes parsed."""
    parser.add_argument(
        "layers", nargs="+", metavar="PROBLEM|LAYERS.csv", help="problems, as b1h5w7i3o4k3s2p1, or tables of layers"
    )
    parser.add_argument("--impl", required=True, metavar="NAME|MODULE:OBJ|FILE.py:OBJ", help="what to verify")
    parser.add_argument("--operator", choices=OPERATORS, help="only this one")
    parser.add_argument(
        "--dtype", help="in this format, as float32 or tf32 (default: the first that the implementation takes)"
    )
    parser.add_argument("--seed", type=read.seed, metavar="N", help="what all is drawn from (default: at random)")
    read.add_device(parser)
    parser.add_argument(
        "--memory",
        metavar="SIZE",
        help="of all arrays of a layer, as 500M or 2G: beyond it the batch is halved until it fits, then the image "
        "(default: a quarter of what is available)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write a report")
    parser.add_argument(
        "--time-limit",
        type=read.seconds,
        default=600.0,
        metavar="SECONDS",
        help="for one call of an operator (default 600)",
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command on what `add_arguments` parsed; returns the exit status."""
    try:
        memory = _bytes(options.memory) if options.memory else layers.available_memory() // 4
        wanted = [layer for text in options.layers for layer in _layers(text)]
    except (ValueError, OSError) as reason:
        told = f"cannot read {reason.filename}: {reason.strerror}" if isinstance(reason, OSError) else str(reason)
        print(f"refconv certify: {told}", file=sys.stderr)
        return 2
    if options.seed is None:
        options.seed = secrets.randbelow(2**32)
    status, grief = watched(lambda on_call: _certify(options, wanted, memory, on_call), options.time_limit)
    if grief:
        print(f"BROKEN: {grief}; seed {options.seed}")
    return status


def _layers(text: str) -> list[Layer]:
    if text.endswith(".csv"):
        return layers.read(Path(text))
    problem = Problem.parse(text)
    return [Layer(str(problem), problem)]


def _bytes(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,15})([KMG]?)B?", text, re.IGNORECASE)
    if match is None or not int(match[1]):
        raise ValueError(f"--memory {text} must be a number of bytes, or one with K, M or G, as 500M")
    return int(match[1]) * _UNITS[match[2].upper()]


def _certify(options: argparse.Namespace, wanted: list[Layer], memory: int, on_call: OnCall) -> int:
    try:
        implementation, form = load(options.impl, options.device).chosen(options.dtype)
        if options.operator and options.operator not in implementation.operators:
            offered = ", ".join(implementation.operators)
            raise ImplementationError(f"{options.impl} offers {offered}, not {options.operator}")
    except (ImplementationError, ValueError) as error:
        print(f"refconv certify: {error}", file=sys.stderr)
        return 2
    operators = (options.operator,) if options.operator else implementation.operators
    scaled = [layer.scaled(memory, form) for layer in wanted]
    print(f"{implementation.name} on {implementation.device}, {form}, seed {options.seed}")
    widths = (max(len(layer.name) for layer in scaled), max(len(str(layer.problem)) for layer in scaled))
    header = (
        f"{'layer':{widths[0]}}  {'problem':{widths[1]}}  operator     verdict  call, s  certificate, s  missed with"
    )
    print(header, flush=True)
    rows: list[Row] = []
    with _progress(len(scaled) * len(operators)) as advance:
        for layer in scaled:
            for operator in operators:
                advance(f"{layer.name} {operator}")
                if layers.footprint(layer.problem, form) > memory:
                    reason = f"W and one small image take {layers.footprint(layer.problem, form):,} bytes"
                    rows.append(Row(layer.name, str(layer.problem), layer.changes, operator, "skipped", reason))
                else:
                    rows.append(_row(implementation, layer, operator, form, options.seed, on_call))
                _print(rows[-1], widths)
                if not _written(options, implementation, form, memory, rows):
                    return 2
                broken = rows[-1].verdict == "broken" and implementation.device == "gpu"
                if broken and (lost := faults.lost()):
                    print(f"\nBROKEN: {operator} of {layer.name}; nothing more can be tried, the GPU is lost: {lost}")
                    return 1
    return _summary(rows)


def _row(
    implementation: Implementation, layer: Layer, operator: Operator, form: Format, seed: int, on_call: OnCall
) -> Row:
    problem = layer.problem
    told = (layer.name, str(problem), layer.changes, operator)
    try:
        reason = implementation.unsupported(problem)
        if reason is not None:
            return Row(*told, "skipped", reason)
        pair = _on_device(implementation, certificate.operands(operator, problem, seed, form))
        started = time.perf_counter()
        expected = Expected(operator, pair, problem, seed)
        prepared = time.perf_counter() - started
    except (ValueError, MemoryError) as error:
        return Row(*told, "skipped", str(error) or "not enough memory to draw the operands")
    on_call(f"{operator} of {layer.name}, {problem},")
    started = time.perf_counter()
    try:
        result = getattr(implementation.target, operator)(pair.first, pair.second, problem)
        if implementation.device == "gpu":
            faults.wait()
    except Exception as error:
        return Row(*told, "broken", f"{operator} raised {type(error).__name__}: {error}")
    finally:
        on_call(None)
    seconds = time.perf_counter() - started
    if reason := _no_result(operator, result, pair, problem):
        return Row(*told, "broken", reason, seconds)
    started = time.perf_counter()
    verdict = expected.certify(result)
    held = Row(
        *told,
        "held",
        seconds=seconds,
        certificate_seconds=prepared + time.perf_counter() - started,
        gflop=problem.multiplications * 2e-9,
        probability=verdict.probability,
        reach=expected.reach,
        columns=expected.columns,
        samples=verdict.samples,
        thinned=pair.thinned,
    )
    if verdict.wrong is None:
        return held
    wrong = verdict.wrong
    name = f"{RESULTS[operator]}[{','.join(map(str, wrong.index))}]"
    where = "taps" if operator == "grad_weight" else "pixels"
    several = f"; wrong elements at {verdict.places} {where} at least" if verdict.places > 1 else ""
    reason = f"{name} = {_number(wrong.computed)}, but the sum is {wrong.expected}{several}"
    return replace(held, verdict="broken", reason=reason)


def _on_device(implementation: Implementation, pair: Pair) -> Pair:
    """The operands where the implementation takes them, so that all of the work is done there."""
    device: Any = getattr(implementation.target, "device", None)
    if implementation.device != "gpu" or not hasattr(device, "to_device"):
        return pair
    return Pair(device.to_device(pair.first), device.to_device(pair.second), pair.most, pair.thinned)


def _no_result(operator: Operator, result: Any, pair: Pair, problem: Problem) -> str:
    """Why ``result`` is none, or an empty string."""
    if type(result).__module__.partition(".")[0] not in ("numpy", type(pair.first).__module__.partition(".")[0]):
        return f"{operator} returned {type(result).__name__}, not an array"
    if result.dtype != pair.first.dtype:
        return f"{operator} returned dtype {result.dtype} for operands of dtype {pair.first.dtype}"
    shape = problem.result_shape(operator)
    if tuple(result.shape) != shape:
        return f"{operator} returned shape {tuple(result.shape)}, but {RESULTS[operator]} has shape {shape}"
    return ""


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal, where rich is installed; the function moves it, and says what is being done."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:
        yield lambda doing: None
        return
    console = Console(stderr=True, highlight=False)
    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total, completed=-1)

        def advance(doing: str) -> None:
            progress.update(task, advance=1, description=doing)

        yield advance


def _print(row: Row, widths: tuple[int, int]) -> None:
    line = f"{row.layer:{widths[0]}}  {row.problem:{widths[1]}}  {row.operator:11}  {row.verdict:7}"
    if row.columns:
        line += f"  {row.seconds:7.2f}  {row.certificate_seconds:14.2f}  {row.probability:11.1e}"
    if row.scaled:
        line += f"  scaled: {row.scaled}"
    print(line + (f"\n  {row.reason}" if row.reason else ""), flush=True)


def _written(
    options: argparse.Namespace, implementation: Implementation, form: Format, memory: int, rows: list[Row]
) -> bool:
    """Whether the report could be written, after each row, so that it is there if the next call ends the process."""
    if options.json is None:
        return True
    report = {
        "version": refconv.__version__,
        "implementation": implementation.name,
        "spec": implementation.spec,
        "device": implementation.device,
        "dtype": form.name,
        "seed": options.seed,
        "memory": memory,
        "layers": [asdict(row) for row in rows],
    }
    try:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        print(f"refconv certify: cannot write {options.json}: {error.strerror}", file=sys.stderr)
        return False
    return True


def _summary(rows: list[Row]) -> int:
    broken = [row for row in rows if row.verdict == "broken"]
    held = [row for row in rows if row.verdict == "held"]
    thinned = {row.thinned for row in rows if row.thinned}
    for text in sorted(thinned):
        print(f"thinned, {text}")
    missed = sum(row.probability for row in held)
    if broken:
        print(f"\nBROKEN: {len(broken)} of {len(broken) + len(held)} results")
        return 1
    if not held:
        print("\nnothing was verified")
        return 2
    samples = sum(row.samples for row in held)
    print(
        f"\nheld: all {len(held)} results, wrong ones among them with probability {missed:.1e} at most; "
        f"{samples} elements equal the literal sum"
    )
    return 0


def _number(value: float) -> str:
    return str(int(value)) if np.isfinite(value) and value == int(value) else str(value)
