"""How a machine's figures went from commit to commit. A machine is compared with itself only.

A ratio to a peer is a mean over layers, so a run counts only if it timed every case that the newest run compares, and
with the same peer: else a run of the easy layers would look like progress.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.lines import Line2D

from refconv.problem import OPERATORS
from refconv_reports.page import duels
from refconv_reports.page.blocks import Block, Cell, Code, Paragraph, Table, Text, count, number, slug
from refconv_reports.page.drawing import COLOURS, MARKS, Sheet, figure, ticks
from refconv_reports.page.stored import Run, Simulator


@dataclass(frozen=True)
class Track:
    """One quantity over the runs. values: by the run's place among the machine's runs."""

    panel: str
    name: str
    values: Mapping[int, float]


def history(runs: Sequence[Run]) -> list[Block]:
    """The plot and its table, of one machine's runs, oldest first."""
    if len({run.machine.machine for run in runs}) != 1:
        raise ValueError("a history is of one machine")
    tracks = [track for track in (*_ratios(runs), *_simulators(runs)) if len(track.values) > 1]
    if not tracks:
        told = (
            "One run of this machine is stored" if len(runs) == 1 else "No two runs of this machine have the same cases"
        )
        return [Paragraph(f"{told}: the next will make a history.")]
    shown = sorted({place for track in tracks for place in track.values})
    changes = [_change(track) for track in tracks]
    first, last = runs[shown[0]], runs[shown[-1]]
    caption: Text = (
        "From commit ",
        Code(first.version),
        f" ({first.day}) to ",
        Code(last.version),
        f" ({last.day}): {'; '.join(changes)}.",
    )
    alt = f"History of {count(len(shown), 'run')}: {'; '.join(changes)}."
    name = slug(f"history {last.machine.machine}")
    plot = figure(name, lambda sheet: _draw(sheet, tracks, runs, shown), caption, alt)
    return [plot, _table(tracks, runs, shown)]


def _ratios(runs: Sequence[Run]) -> list[Track]:
    tracks = []
    for dtype in dict.fromkeys(dtype for run in reversed(runs) for dtype in duels.dtypes(run)):
        newest = duels.newest(runs, dtype)
        for peer in duels.peers(newest, dtype)[:1]:
            wanted = duels.by_operator(duels.duels(duels.fastest(duels.own(newest, dtype)), newest, peer))
            for operator in OPERATORS:
                cases = {duel.own.case for duel in wanted.get(operator, ())}
                values = {}
                for place, run in enumerate(runs):
                    found = duels.duels(duels.fastest(duels.own(run, dtype)), run, peer)
                    same = [duel.ratio for duel in found if duel.own.case in cases]
                    if cases and len(same) == len(cases):
                        values[place] = statistics.geometric_mean(same)
                tracks.append(Track(f"{dtype}, ratio to {peer}", operator, values))
    return tracks


def _simulators(runs: Sequence[Run]) -> list[Track]:
    values: dict[str, dict[int, float]] = {}
    for place, run in enumerate(runs):
        for result in run.of(Simulator):
            if result.problems_per_second is not None and not result.checked:
                values.setdefault(result.implementation, {})[place] = result.problems_per_second
    return [Track("simulator, problems a second", name, some) for name, some in list(values.items())[: len(MARKS)]]


def _change(track: Track) -> str:
    first, last = track.values[min(track.values)], track.values[max(track.values)]
    return f"{track.panel.split(',')[0]} {track.name} {number(first)} to {number(last)}"


def _draw(sheet: Sheet, tracks: Sequence[Track], runs: Sequence[Run], shown: Sequence[int]) -> None:
    panels: dict[str, list[Track]] = {}
    for track in tracks:
        panels.setdefault(track.panel, []).append(track)
    columns = 1 if sheet.narrow else min(2, len(panels))
    rows = -(-len(panels) // columns)
    every = sheet.axes(50 + 215 * rows, rows, columns)
    names: dict[str, Line2D] = {}
    for axes in every[len(panels) :]:
        axes.remove()
    for number_, (axes, (title, some)) in enumerate(zip(every, panels.items(), strict=False)):
        axes.set_title(title)
        top = 0.0
        for index, track in enumerate(some):
            place = OPERATORS.index(track.name) if track.name in OPERATORS else index
            colour, marker = MARKS[place]
            points = sorted(track.values.items())
            titles = [
                f"{track.name}, {runs[place].version}, {runs[place].day}: {number(value)}" for place, value in points
            ]
            axes.plot(
                [shown.index(place) for place, _ in points],
                [value for _, value in points],
                color=COLOURS[colour],
                marker=marker,
                mec=COLOURS["surface"],
                mew=0.8,
                ms=7,
                gid=sheet.name(f"track-{number_}-{index}", titles),
                clip_on=False,
            )
            names.setdefault(track.name, Line2D([], [], color=COLOURS[colour], marker=marker, ms=7, label=track.name))
            top = max(top, *track.values.values())
        axes.set_ylim(0, top * 1.1)
        axes.grid(True, axis="y")
        axes.set_xlim(-0.3, len(shown) - 0.7)
        few = shown if len(shown) <= 4 else [shown[0], shown[len(shown) // 2], shown[-1]]
        ticks(
            axes,
            "x",
            [shown.index(place) for place in few],
            [f"{runs[place].version}\n{runs[place].day}" for place in few],
        )
        if title.endswith("second") is False and top > 1:
            axes.axhline(1, color=COLOURS["line"], lw=1)
    sheet.legend([*names.values()], columns=2 if sheet.narrow else 4)


def _table(tracks: Sequence[Track], runs: Sequence[Run], shown: Sequence[int]) -> Table:
    rows = []
    for track in tracks:
        row = [Cell(track.panel), Cell(track.name)]
        row += [
            Cell(number(track.values[place]), number=True)
            if place in track.values
            else Cell("-", number=True, tone="quiet")
            for place in shown
        ]
        rows.append(row)
    heads: list[Text] = [(Code(runs[place].version), f" {runs[place].day}") for place in shown]
    caption = "The same in figures; - where a run has not the same cases"
    return Table(caption, ["quantity", "of", *heads], rows, folded=True)
