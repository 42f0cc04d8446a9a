"""The roofline of a machine in one precision: what each layer reaches of what arithmetic and memory allow.

S. Williams, A. Waterman, D. Patterson: Roofline, an insightful visual performance model for multicore architectures,
Communications of the ACM 52(4), 2009. A point may lie above the roof: an algorithm with fewer multiplications than the
dense sum (Winograd's, an FFT), or operands that stay in a cache.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from refconv.problem import OPERATORS
from refconv_reports.page import duels
from refconv_reports.page.blocks import Block, Paragraph, count, listed, number, ratio, slug
from refconv_reports.page.drawing import COLOURS, Sheet, figure, log_axis
from refconv_reports.page.duels import Subject
from refconv_reports.page.schema import Layer
from refconv_reports.page.stored import Run


def roofline(run: Run, subject: Subject) -> list[Block]:
    """The plot, or for a GPU a sentence that says why there is none."""
    dtype = subject.dtype
    ours = duels.fastest(duels.own(run, subject))
    peak, bandwidth = (run.machine.peak or {}).get(dtype), run.machine.bandwidth
    if peak is None or bandwidth is None:
        if run.machine.device != "gpu":
            return []
        return [Paragraph(f"No roofline: the peak of {dtype} or the bandwidth of this machine is not stored.")]
    peers = duels.peers(run, subject)[:1]
    theirs = [layer for layer in run.of(Layer) if layer.dtype == dtype and layer.implementation in peers]
    fractions = {
        operator: [fraction(layer, peak, bandwidth) for layer in ours if layer.operator == operator]
        for operator in OPERATORS
    }
    reached = [
        f"{operator} {ratio(statistics.geometric_mean(values))}" for operator, values in fractions.items() if values
    ]
    above = sum(fraction(layer, peak, bandwidth) > 1 for layer in theirs)
    told = f"Of the roof, in the geometric mean over the layers: {listed(reached)}."
    note = f" {count(above, 'point')} of {peers[0]} above it: fewer operations than the dense sum." if above else ""
    caption = (
        told,
        note,
        f" The roof: {number(peak / 1e12)} TFLOP/s and {number(bandwidth / 1e12)} TB/s. "
        "Of our kernels, the fastest for each layer.",
    )
    name = slug(f"roofline {run.machine.key} {subject.slug}")
    return [
        figure(
            name, lambda sheet: _draw(sheet, ours, theirs, peers, peak, bandwidth), caption, f"Roofline. {told}{note}"
        )
    ]


def fraction(layer: Layer, peak: float, bandwidth: float) -> float:
    """Of the least time that arithmetic and memory allow; from the counts, not from what is stored as one."""
    least = max(layer.gflop * 1e9 / peak, layer.gbyte * 1e9 / bandwidth)
    return least / layer.seconds


def _draw(
    sheet: Sheet, ours: Sequence[Layer], theirs: Sequence[Layer], peers: Sequence[str], peak: float, bandwidth: float
) -> None:
    operators = [operator for operator in OPERATORS if any(layer.operator == operator for layer in ours)]
    several = len(operators)
    if sheet.narrow:
        panels = sheet.axes(40 + 230 * several, several, 1, sharex=True, sharey=True)
    else:
        panels = sheet.axes(360, 1, several, sharex=True, sharey=True)
    everything = [*ours, *theirs]
    for index, (axes, operator) in enumerate(zip(panels, operators, strict=True)):
        axes.set_title(operator)
        x = log_axis(axes, "x", [layer.intensity for layer in everything])
        log_axis(axes, "y", [peak / 1e12, *(layer.rate for layer in everything)])
        axes.grid(True, which="major")
        _roof(axes, x, peak, bandwidth)
        _points(sheet, axes, [layer for layer in theirs if layer.operator == operator], "peer", f"peer{index}")
        _points(sheet, axes, [layer for layer in ours if layer.operator == operator], "one", f"ours{index}")
    for axes in panels if sheet.narrow else panels[:1]:
        axes.set_ylabel("TFLOP/s")
    for axes in panels[-1:] if sheet.narrow else panels:
        axes.set_xlabel("FLOP a byte")
    mine = Line2D([], [], ls="", marker="o", ms=6, color=COLOURS["one"], label="refconv")
    handles = [mine] + [
        Line2D([], [], ls="", marker="o", ms=6, mfc="none", mec=COLOURS["peer"], label=name) for name in peers
    ]
    handles.append(Line2D([], [], color=COLOURS["ink"], label="roof"))
    sheet.legend(handles)


def _roof(axes: Axes, x: tuple[float, float], peak: float, bandwidth: float) -> None:
    ridge = peak / bandwidth
    corners = [x[0], *([ridge] if x[0] < ridge < x[1] else []), x[1]]
    axes.plot(
        corners,
        [min(peak, corner * bandwidth) / 1e12 for corner in corners],
        color=COLOURS["ink"],
        solid_capstyle="round",
    )


def _points(sheet: Sheet, axes: Axes, layers: Sequence[Layer], colour: str, group: str) -> None:
    titles = [f"{layer.layer}: {number(layer.rate)} TFLOP/s, {layer.implementation}" for layer in layers]
    ours = colour != "peer"
    axes.plot(
        [layer.intensity for layer in layers],
        [layer.rate for layer in layers],
        ls="",
        marker="o",
        ms=5 if ours else 5.5,
        mfc=COLOURS[colour] if ours else "none",
        mec=COLOURS["surface"] if ours else COLOURS[colour],
        mew=0.8 if ours else 1.2,
        gid=sheet.name(group, titles),
        clip_on=False,
    )
