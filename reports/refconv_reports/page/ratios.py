"""The ratio to the peer, layer by layer: one plot and two tables for a machine and a precision, all from one run."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from matplotlib.lines import Line2D

from refconv.problem import OPERATORS
from refconv_reports.page import duels
from refconv_reports.page.blocks import (
    Block,
    Cell,
    Code,
    Paragraph,
    Table,
    Text,
    count,
    duration,
    listed,
    number,
    ratio,
    slug,
)
from refconv_reports.page.drawing import COLOURS, MARKS, Sheet, figure, ticks
from refconv_reports.page.duels import Duel, Subject
from refconv_reports.page.roofline import fraction
from refconv_reports.page.schema import Layer
from refconv_reports.page.stored import Run

FEW = 12  # rows that need not be folded


def ratios(run: Run, subject: Subject) -> list[Block]:
    """What a run says of a subject, beside its peers."""
    dtype = subject.dtype
    ours = duels.own(run, subject)
    peers = duels.peers(run, subject)
    best = duels.fastest(ours)
    parts: list[Block] = _reservations(run, subject)
    if not peers:
        return [
            *parts,
            Paragraph(f"No peer was timed in {dtype}, so there is no ratio."),
            _by_layer(run, dtype, ours, []),
        ]
    if found := duels.duels(best, run, peers[0]):
        parts.append(_plot(run, subject, found, peers[0]))
    return [*parts, _means(run, dtype, ours, peers), _by_layer(run, dtype, best, peers)]


def _reservations(run: Run, subject: Subject) -> list[Block]:
    """What a reader must know before comparing: layers made smaller, peers that are not exact."""
    roles = (subject.role, "peer")
    timed = [layer for layer in run.of(Layer) if layer.dtype == subject.dtype and layer.role in roles]
    scaled = {layer.layer for layer in timed if layer.scaled}
    inexact = [layer for layer in timed if not layer.certified]
    told = []
    if scaled:
        told.append(f"{count(len(scaled), 'layer is', 'layers are')} made smaller: the problems are in the table.")
    if inexact:
        names = listed(list(dict.fromkeys(layer.implementation for layer in inexact)))
        first = inexact[0]
        told.append(
            f"{count(len(inexact), f'result of {names} is', f'results of {names} are')} not exact, as of an algorithm "
            f"with fewer multiplications: on {first.layer}, {first.operator}, {first.inexact}."
        )
    return [Paragraph(" ".join(told))] if told else []


def _plot(run: Run, subject: Subject, found: Sequence[Duel], peer: str) -> Block:
    told = f"{_whose(found)} beside {peer}, {subject.dtype}: " + "; ".join(
        _sentence(operator, some) for operator, some in duels.by_operator(found).items()
    )
    caption: Text = (
        f"How many times as fast as {peer} in {subject.dtype}, layer by layer, slowest last. ",
        "; ".join(_sentence(operator, some) for operator, some in duels.by_operator(found).items()),
        ".",
    )
    name = slug(f"ratio {run.machine.key} {subject.slug}")
    return figure(name, lambda sheet: _draw(sheet, found, peer), caption, told + ".")


def _whose(found: Sequence[Duel]) -> str:
    return "The fastest of our kernels" if found[0].own.role == "ours" else "The fastest of the formulas"


def _sentence(operator: str, some: Sequence[Duel]) -> str:
    got = duels.means(some)
    assert got is not None
    if got.count == 1:
        return f"{operator}: {ratio(got.mean)} on {got.least.own.layer}"
    return (
        f"{operator}: {ratio(got.mean)} in the geometric mean of {count(got.count, 'layer')}, faster on {got.faster}, "
        f"at worst {ratio(got.least.ratio)} ({got.least.own.layer})"
    )


def _draw(sheet: Sheet, found: Sequence[Duel], peer: str) -> None:
    by_layer: dict[str, dict[str, Duel]] = {}
    for duel in found:
        by_layer.setdefault(duel.own.layer, {})[duel.own.operator] = duel
    names = sorted(by_layer, key=lambda name: statistics.geometric_mean(d.ratio for d in by_layer[name].values()))
    [axes] = sheet.axes(78 + 17 * len(names))
    rows = {name: row for row, name in enumerate(names)}
    for name in names:
        values = [duel.ratio for duel in by_layer[name].values()]
        axes.plot([min(values), max(values)], [rows[name]] * 2, color=COLOURS["line"], lw=1, solid_capstyle="butt")
    axes.axvline(1, color=COLOURS["ink"], lw=1.2)
    handles = []
    for (colour, marker), operator in zip(MARKS, OPERATORS, strict=False):
        some = [duel for duel in found if duel.own.operator == operator]
        if not some:
            continue
        titles = [
            f"{duel.own.layer}, {operator}: {ratio(duel.ratio)} ({duel.own.implementation}, "
            f"{duration(duel.own.seconds)}; {peer} {duration(duel.peer.seconds)})"
            for duel in some
        ]
        style = {"marker": marker, "mfc": COLOURS[colour], "mec": COLOURS["surface"], "mew": 0.8, "ls": ""}
        axes.plot(
            [duel.ratio for duel in some],
            [rows[duel.own.layer] for duel in some],
            ms=7,
            gid=sheet.name(f"ratio-{operator}", titles),
            clip_on=False,
            **style,  # type: ignore[arg-type]
        )
        handles.append(Line2D([], [], label=operator, ms=7, **style))  # type: ignore[arg-type]
    values = [duel.ratio for duel in found]
    powers = range(math.floor(math.log2(min(values) * 0.98)), math.ceil(math.log2(max(values) * 1.02)) + 1)
    low, high = min(powers.start, -1), max(powers.stop - 1, 1)
    step = -(-(high - low) // (4 if sheet.narrow else 8))
    axes.set_xscale("log", base=2)
    axes.set_xlim(2.0**low, 2.0**high)
    marks = [power for power in range(low, high + 1) if power % step == 0]
    ticks(axes, "x", [2.0**power for power in marks], [_power(power) for power in marks])
    ticks(axes, "y", list(rows.values()), [_short(name) if sheet.narrow else name for name in names])
    axes.tick_params(axis="y", length=0, labelcolor=COLOURS["ink"])
    axes.set_ylim(-0.8, len(names) - 0.2)
    axes.grid(True, which="major", axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("times as fast" if sheet.narrow else f"times as fast as {peer}; right of the line, faster")
    sheet.legend(handles)


def _power(power: int) -> str:
    return f"{2**power}" if power >= 0 else f"1/{2**-power}"


def _short(name: str) -> str:
    """A layer's name that leaves room for the plot on a phone."""
    return name if len(name) <= 20 else f"{name[:9]}…{name[-10:]}"


def _means(run: Run, dtype: str, ours: Sequence[Layer], peers: Sequence[str]) -> Table:
    """One row an implementation and operator: its means over the layers that it and the peer have."""
    peak, bandwidth = (run.machine.peak or {}).get(dtype), run.machine.bandwidth
    roof = peak is not None and bandwidth is not None
    named = dict.fromkeys(layer.implementation for layer in ours)
    groups: list[tuple[Text, list[Layer]]] = []
    if len(named) > 1:
        groups.append(("fastest for each layer", duels.fastest(ours)))
    groups += [(Code(name), [layer for layer in ours if layer.implementation == name]) for name in named]
    rows = []
    for name, layers in groups:
        for operator in OPERATORS:
            some = duels.fastest(layer for layer in layers if layer.operator == operator)
            if not some:
                continue
            row = [Cell(name), Cell(operator), Cell(str(len(some)), number=True)]
            for peer in peers:
                got = duels.means(duels.duels(some, run, peer))
                row.append(ratio_cell(got.mean if got else None))
            if roof:
                assert peak is not None
                assert bandwidth is not None
                mean = statistics.geometric_mean(fraction(layer, peak, bandwidth) for layer in some)
                row.append(Cell(ratio(mean), number=True))
            rows.append(row)
    columns: list[Text] = ["implementation", "operator", "layers", *(("to ", Code(peer)) for peer in peers)]
    columns += ["of the roof"] if roof else []
    caption = f"Geometric means in {dtype}, over the layers that both have. Above 1 is faster than the peer."
    return Table(caption, columns, rows)


def ratio_cell(value: float | None) -> Cell:
    """A ratio to a peer; - where there is none."""
    if value is None:
        return Cell("-", number=True, tone="quiet")
    return Cell(ratio(value), number=True, tone="good" if value > 1 else "")


def _by_layer(run: Run, dtype: str, layers: Sequence[Layer], peers: Sequence[str]) -> Table:
    """One row a layer and operator."""
    theirs = {peer: {duel.own.case: duel for duel in duels.duels(layers, run, peer)} for peer in peers}
    rows = []
    for layer in layers:
        row = [
            Cell(Code(layer.layer)),
            Cell(Code(layer.problem)),
            Cell(layer.operator),
            Cell((Code(layer.implementation), f", {layer.tile}" if layer.tile else "")),
            Cell(duration(layer.seconds), number=True),
            Cell(number(layer.rate), number=True),
            Cell(number(layer.gbyte / layer.seconds), number=True),
        ]
        row += [ratio_cell(theirs[peer][layer.case].ratio if layer.case in theirs[peer] else None) for peer in peers]
        rows.append(row)
    which = "fastest" if peers else "implementation"
    columns: list[Text] = ["layer", "problem", "operator", which, "median", "TFLOP/s", "GB/s"]
    columns += [("to ", Code(peer)) for peer in peers]
    told = f"{count(len(dict.fromkeys(layer.layer for layer in layers)), 'layer')} in {dtype}, each operator"
    caption = f"{told}: the fastest, and its ratio to the peers" if peers else f"{told} and implementation"
    return Table(caption, columns, rows, folded=len(rows) > FEW)
