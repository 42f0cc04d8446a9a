"""What a run found, as a table for a terminal: medians and rates, beside the peer of the same run and the roofline."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import Literal

from refconv_reports.bench.contest import Measured
from refconv_reports.bench.results import key

WIDE = 160  # columns, where nobody's terminal sets a limit
WORDS = ("layer", "operator", "dtype", "implementation")
STYLES = {"ours": "bold", "peer": "dim", "oracle": ""}
Unit = Literal["TFLOP/s", "GFLOP/s"]
Earlier = Mapping[tuple[str, ...], float] | None


def printed(measured: Sequence[Measured], earlier: Earlier = None) -> None:
    """Prints the table, by rich if it is there, and below it the geometric means of the ratios to the peer."""
    header, rows = _told(*cells(measured, earlier))
    try:
        _by_rich(header, rows, [one.case.role for one in measured])
    except ImportError:
        _plainly(header, rows)
    for line in means(measured):
        print(line)


def cells(measured: Sequence[Measured], earlier: Earlier) -> tuple[list[str], list[list[str]]]:
    """The header, and a row for each case; what a row has in common with the one above is left out."""
    unit: Unit = "TFLOP/s" if any(one.info["tflops"] >= 1 for one in measured) else "GFLOP/s"
    header = [*WORDS, "median", unit, "GB/s", "x peer", "of roof", *(["x earlier"] if earlier is not None else [])]
    rows = []
    last: tuple[str, ...] = ("",) * 4
    for one in measured:
        info, cell = one.info, one.case.cell
        same = [last[: place + 1] == cell[: place + 1] for place in range(4)]
        row = ["" if same[1] else one.case.layer.name, "" if same[2] else cell[2], "" if same[3] else cell[3]]
        row += [one.case.name + ("" if info["certified"] else " (inexact)"), _duration(one.timing.median)]
        row += [_number(info["tflops"] * (1 if unit == "TFLOP/s" else 1000)), _number(info["gbs"])]
        row += [_ratio(info["peer_ratio"]), _percent(info["roofline_fraction"])]
        if earlier is not None:
            before = earlier.get(key(info))
            row.append(_ratio(None if before is None else before / one.timing.median))
        rows.append(row)
        last = cell
    return header, rows


def means(measured: Sequence[Measured]) -> list[str]:
    """The geometric mean of each implementation's ratio to its peer, by operator and precision, over several layers."""
    ratios: dict[tuple[str, str, str, str], list[float]] = {}
    for one in measured:
        if one.info["peer_ratio"] is not None:
            place = (one.case.name, one.info["peer"], one.case.operator, one.case.dtype)
            ratios.setdefault(place, []).append(one.info["peer_ratio"])
    return [
        f"{name}, {operator}, {dtype}: {_ratio(statistics.geometric_mean(values))} times as fast as {peer}, "
        f"the geometric mean of {len(values)} layers"
        for (name, peer, operator, dtype), values in ratios.items()
        if len(values) > 1
    ]


def _told(header: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Without the columns in which nothing is."""
    kept = [place for place, name in enumerate(header) if name in WORDS or any(row[place] for row in rows)]
    return [header[place] for place in kept], [[row[place] for place in kept] for row in rows]


def _by_rich(header: list[str], rows: list[list[str]], roles: list[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in header:
        table.add_column(name, no_wrap=True, justify="left" if name in WORDS else "right")
    for row, role in zip(rows, roles, strict=True):
        table.add_row(*(Text(word, style=STYLES[role] if place == 3 else "") for place, word in enumerate(row)))
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=WIDE)
    with console.capture() as drawn:
        console.print(table)
    sys.stdout.write(drawn.get())


def _plainly(header: list[str], rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        words = (
            word.ljust(width) if name in WORDS else word.rjust(width)
            for word, name, width in zip(row, header, widths, strict=True)
        )
        sys.stdout.write("  ".join(words).rstrip() + "\n")


def _duration(seconds: float) -> str:
    """Three digits, in the unit that fits."""
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if seconds * factor >= 1:
            return f"{_number(seconds * factor)} {unit}"
    return f"{_number(seconds * 1e6)} us"


def _number(value: float) -> str:
    """Three significant digits, without an exponent."""
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:.{min(digits, 6)}f}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}%"
