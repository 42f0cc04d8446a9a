"""What a run found, as a table for a terminal: medians and rates, beside the peer of the same run and the roofline."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from refconv_reports.bench.contest import Measured
from refconv_reports.bench.results import key

WIDE = 160  # columns, where nobody's terminal sets a limit


def printed(measured: Sequence[Measured], console: Console, earlier: Mapping[tuple[str, ...], float] | None) -> None:
    """Prints the table, and below it the geometric means of the ratios to the peer."""
    console.print(_table(measured, earlier))
    for line in means(measured):
        console.print(line, markup=False, highlight=False)


def _table(measured: Sequence[Measured], earlier: Mapping[tuple[str, ...], float] | None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("layer", "operator", "dtype", "implementation"):
        table.add_column(name, no_wrap=True)
    for name in ("median", "TFLOP/s", "GB/s", "x peer", "of roof"):
        table.add_column(name, justify="right", no_wrap=True)
    if earlier is not None:
        table.add_column("x earlier", justify="right", no_wrap=True)
    last: tuple[str, ...] = ()
    for one in measured:
        info, cell = one.info, one.case.cell
        same = [a == b for a, b in zip(last, cell, strict=True)] if last else [False] * len(cell)
        label = "" if all(same[:2]) else one.case.layer.name
        words = [
            Text(label),
            Text("" if all(same[:3]) else one.case.operator),
            Text("" if all(same) else one.case.dtype),
        ]
        name = one.case.name + ("" if info["certified"] else " (rounds)")
        style = "bold" if one.case.role == "ours" else "dim" if one.case.role == "peer" else ""
        figures = [_duration(one.timing.median), _number(info["tflops"]), _number(info["gbs"])]
        figures += [_ratio(info["peer_ratio"]), _percent(info["roofline_fraction"])]
        if earlier is not None:
            before = earlier.get(key(info))
            figures.append(_ratio(None if before is None else before / one.timing.median))
        table.add_row(*words, Text(name, style=style), *figures)
        last = cell
    return table


def means(measured: Sequence[Measured]) -> list[str]:
    """The geometric mean of each implementation's ratio to its peer, by operator and precision."""
    ratios: dict[tuple[str, str, str, str], list[float]] = {}
    for one in measured:
        if one.info["peer_ratio"] is not None:
            place = (one.case.name, one.info["peer"], one.case.operator, one.case.dtype)
            ratios.setdefault(place, []).append(one.info["peer_ratio"])
    return [
        f"{name}: {operator}, {dtype}: {_ratio(statistics.geometric_mean(values))} times as fast as {peer}, "
        f"geometric mean of {len(values)}"
        for (name, peer, operator, dtype), values in ratios.items()
    ]


def _duration(seconds: float) -> str:
    """Three digits, in the unit that fits."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1 or unit == "us":
            return f"{_number(seconds * factor)} {unit}"
    raise AssertionError("unreachable")


def _number(value: float) -> str:
    """Three significant digits, without an exponent."""
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:.{min(digits, 6)}f}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}%"
