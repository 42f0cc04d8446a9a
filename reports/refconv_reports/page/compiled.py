"""What each CUDA compiler makes of each kernel: registers, spills, occupancy; from ``refconv kernels --json``."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from refconv_cuda.kernel_report.figures import Figures, Report
from refconv_reports.page.blocks import Block, Cell, Code, Paragraph, Section, Table, Text, count, percent
from refconv_reports.page.drawing import COLOURS, Sheet, figure, ticks
from refconv_reports.page.stored import Stored

MANY = 30  # kernels: beyond that, a row for each is for who looks for one


def compiled(stored: Stored) -> Section | None:
    """The section, if any report is stored."""
    if not stored.kernels:
        return None
    newest = stored.kernels[-1]
    architecture = _everywhere(stored.kernels)
    every = [
        figures for report in stored.kernels for kernel in report.kernels.values() for figures in kernel.on.values()
    ]
    failing = sum(bool(figures.error) for figures in every)
    spilling = [figures.spilled for figures in every if figures.spilled]
    names = {name for report in stored.kernels for name in report.kernels}
    architectures = {name for report in stored.kernels for name in report.architectures}
    versions = f"CUDA {stored.kernels[0].cuda}" + (f" to {newest.cuda}" if len(stored.kernels) > 1 else "")
    told = (
        f"{count(len(names), 'kernel')} under {count(len(stored.kernels), 'version')} of NVRTC, {versions}, for "
        f"{count(len(architectures), 'architecture')}: {count(len(every), 'compilation')}, of which "
        + ("none fails" if not failing else f"{failing:,} fail")
        + (
            f", and {len(spilling):,} spill registers, {max(spilling)} bytes at most."
            if spilling
            else ", and none spills."
        )
        + " That needs no GPU."
    )
    blocks: list[Block] = [Paragraph(told)]
    if any(figures.occupancy is not None for kernel in newest.kernels.values() for figures in kernel.on.values()):
        blocks += [_plot(newest), _occupancy(newest)]
    if architecture:
        blocks.append(_registers(stored.kernels, architecture))
    return Section("What the compilers make of the kernels", "compiled", blocks)


def _everywhere(reports: Sequence[Report]) -> str | None:
    """The newest architecture that every CUDA version knows."""
    names = [name for name in reports[-1].architectures if all(name in report.architectures for report in reports)]
    return max((name for name in names if name[-1].isdigit()), key=_age, default=None)


def _age(architecture: str) -> int:
    return int(architecture.removeprefix("sm_").rstrip("af"))


def _plain(report: Report) -> list[str]:
    """The architectures without a letter, those that only repeat their neighbour's figures left out."""
    names = sorted((name for name in report.architectures if name[-1].isdigit()), key=_age)
    kept: list[str] = []
    for name in names:
        column = [_shown(kernel.on.get(name)) for kernel in report.kernels.values()]
        if not kept or column != [_shown(kernel.on.get(kept[-1])) for kernel in report.kernels.values()]:
            kept.append(name)
    return kept


def _shown(figures: Figures | None) -> tuple[object, ...]:
    return (figures.registers, figures.occupancy, figures.error) if figures else ()


def _plot(report: Report) -> Block:
    """The occupancy of each kernel, from its lowest to its highest architecture."""
    each = {
        name: [figures.occupancy for figures in kernel.on.values() if figures.occupancy is not None]
        for name, kernel in report.kernels.items()
    }
    each = {name: values for name, values in each.items() if values}
    least = min(each, key=lambda name: min(each[name]))
    spans = each if len(each) <= MANY else _templates(each)
    told = (
        f"Occupancy under CUDA {report.cuda}: half of {count(len(each), 'kernel')} fill at least "
        f"{percent(statistics.median(min(values) for values in each.values()))} of a multiprocessor's warps on every "
        f"architecture; the lowest is {percent(min(each[least]))}, "
    )
    of = "the architectures" if spans is each else "a template's instances and the architectures"
    caption: Text = (told, Code(least), f". From the lowest to the highest of {of}.")
    return figure("occupancy", lambda sheet: _draw(sheet, spans), caption, f"{told}{least}.")


def _templates(each: dict[str, list[float]]) -> dict[str, list[float]]:
    """One row a template, with how many instances it has."""
    instances: dict[str, list[list[float]]] = {}
    for name, values in each.items():
        instances.setdefault(name.partition("<")[0], []).append(values)
    return {
        name if len(some) == 1 else f"{name} ({len(some)})": [value for values in some for value in values]
        for name, some in instances.items()
    }


def _draw(sheet: Sheet, spans: dict[str, list[float]]) -> None:
    names = sorted(spans, key=lambda name: (min(spans[name]), max(spans[name])))
    step = 34 if sheet.narrow else 19
    [axes] = sheet.axes(44 + step * len(names))
    lift = 0.32 if sheet.narrow else 0
    for row, name in enumerate(names):
        low, high = min(spans[name]), max(spans[name])
        axes.plot([low, high], [row - lift / 2] * 2, color=COLOURS["line"], lw=1.5, solid_capstyle="butt")
        for value, fill in ((high, COLOURS["surface"]), (low, COLOURS["one"])):
            axes.plot(
                [value], [row - lift / 2], ls="", marker="o", ms=7, mfc=fill, mec=COLOURS["one"], mew=1.2, clip_on=False
            )
        if sheet.narrow:  # names of templates are long: above their line
            axes.text(0, row + lift, _brief(name, 50), va="center", ha="left", fontsize=11)
    axes.set(xlim=(0, 1), ylim=(-0.8, len(names) - 0.4))
    ticks(axes, "x", [0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
    if sheet.narrow:
        axes.yaxis.set_visible(False)
    else:
        ticks(axes, "y", range(len(names)), [_brief(name, 60) for name in names])
    axes.tick_params(axis="y", length=0, labelcolor=COLOURS["ink"])
    axes.grid(True, axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("occupancy, lowest (filled) and highest")


def _brief(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most // 2]}…{name[1 - most + most // 2 :]}"


def _occupancy(report: Report) -> Table:
    """Kernel by architecture, shaded by what is occupied."""
    names = _plain(report)
    rows = []
    for name, kernel in report.kernels.items():
        row = [Cell(Code(name)), Cell(str(kernel.threads), number=True)]
        row += [_cell(kernel.on.get(architecture), shade=True) for architecture in names]
        rows.append(row)
    caption: Text = (
        f"Registers a thread and occupancy under CUDA {report.cuda}; a darker cell is fuller. An architecture with the "
        "figures of the one before it is left out. ",
        "+ stands before the bytes that a thread spills.",
    )
    return Table(caption, ["kernel", "threads", *names], rows, folded=len(rows) > MANY)


def _registers(reports: Sequence[Report], architecture: str) -> Table:
    """Kernel by CUDA version, on one architecture."""
    rows = []
    for name in dict.fromkeys(name for report in reversed(reports) for name in report.kernels):
        found = [report.kernels[name].on.get(architecture) if name in report.kernels else None for report in reports]
        rows.append([Cell(Code(name)), *(_cell(figures, shade=True) for figures in found)])
    caption = f"The same on {architecture}, which every one of these compilers knows, by CUDA version"
    return Table(caption, ["kernel", *(f"CUDA {report.cuda}" for report in reports)], rows, folded=len(rows) > MANY)


def _cell(figures: Figures | None, *, shade: bool) -> Cell:
    if figures is None:
        return Cell("-", number=True, tone="quiet")
    if figures.error:
        return Cell("fails", number=True, tone="bad")
    spills = f"+{figures.spilled}" if figures.spilled else ""
    occupancy = f" · {percent(figures.occupancy)}" if figures.occupancy is not None else ""
    return Cell(f"{figures.registers}{spills}{occupancy}", number=True, level=figures.occupancy if shade else None)
