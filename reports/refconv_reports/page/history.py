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
from refconv_reports.page.blocks import Block, Cell, Code, Paragraph, Table, Text, count, number, ratio, slug
from refconv_reports.page.drawing import COLOURS, MARKS, Sheet, figure, ticks
from refconv_reports.page.schema import Simulator
from refconv_reports.page.stored import Run


@dataclass(frozen=True, eq=False)
class Track:
    """One quantity over the runs. values: by the run's place among the machine's runs."""

    panel: str
    name: str
    values: Mapping[int, float]


def history(runs: Sequence[Run]) -> list[Block]:
    """The plots and their tables, of one machine's runs, oldest first."""
    if len({run.machine.identity for run in runs}) != 1:
        raise ValueError("a history is of one machine")
    if len(runs) == 1:
        return [Paragraph("One run of this machine is stored: the next will make a history.")]
    blocks: list[Block] = []
    for name, tracks in (("ratios", _ratios(runs)), ("simulator", _simulators(runs))):
        if tracks := [track for track in tracks if len(track.values) > 1]:
            blocks += _plotted(name, tracks, runs)
    return blocks or [Paragraph("No two runs of this machine timed the same cases: there is no history yet.")]


def _plotted(name: str, tracks: Sequence[Track], runs: Sequence[Run]) -> list[Block]:
    shown = sorted({place for track in tracks for place in track.values})
    first, last = runs[shown[0]], runs[shown[-1]]
    told = _changes(tracks)
    caption: Text = (
        "From commit ",
        Code(first.version),
        f" ({first.day}) to ",
        Code(last.version),
        f" ({last.day}): {told}.",
    )
    alt = f"History of {name}, {count(len(shown), 'run')}, {first.day} to {last.day}: {told}."
    key = slug(f"history {last.machine.key} {name}")
    plot = figure(key, lambda sheet: _draw(sheet, tracks, runs, shown), caption, alt)
    return [plot, _table(tracks, runs, shown)]


def _ratios(runs: Sequence[Run]) -> list[Track]:
    tracks = []
    for subject in duels.subjects(runs):
        newest = duels.newest(runs, subject)
        assert newest is not None
        for peer in duels.peers(newest, subject)[:1]:
            title = f"{subject.title(newest.machine)}, ratio to {peer}"
            wanted = duels.by_operator(duels.duels(duels.fastest(duels.own(newest, subject)), newest, peer))
            for operator, some in wanted.items():
                cases = {duel.own.case for duel in some}
                values = {}
                for place, run in enumerate(runs):
                    found = duels.duels(duels.fastest(duels.own(run, subject)), run, peer)
                    same = [duel.ratio for duel in found if duel.own.case in cases]
                    if len(same) == len(cases):
                        values[place] = statistics.geometric_mean(same)
                tracks.append(Track(title, operator, values))
    return tracks


def _simulators(runs: Sequence[Run]) -> list[Track]:
    values: dict[str, dict[int, float]] = {}
    for place, run in enumerate(runs):
        for result in run.of(Simulator):
            if result.problems_per_second is not None and not (result.checked or result.nanoseconds_per_switch):
                values.setdefault(result.implementation, {})[place] = result.problems_per_second
    return [Track("simulator, problems a second", name, some) for name, some in list(values.items())[: len(MARKS)]]


def _changes(tracks: Sequence[Track]) -> str:
    """How many rose, and what the least and the greatest change is."""
    changes = {track: track.values[max(track.values)] / track.values[min(track.values)] for track in tracks}
    least, most = min(tracks, key=lambda track: changes[track]), max(tracks, key=lambda track: changes[track])
    rose = sum(change > 1 for change in changes.values())
    told = f"{rose} of {count(len(tracks), 'figure')} rose"
    if ratio(changes[least]) == ratio(changes[most]):
        return f"{told}; {'each' if len(tracks) > 1 else 'it'} is {ratio(changes[most])} times what it was"
    return (
        f"{told}; the least change is that of {_named(least)}, {ratio(changes[least])} times what it was, the greatest "
        f"that of {_named(most)}, {ratio(changes[most])} times"
    )


def _named(track: Track) -> str:
    return f"{track.name}, {track.panel.partition(', ratio')[0]}"


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
        if "ratio" in title and top > 1:
            axes.axhline(1, color=COLOURS["line"], lw=1)
    sheet.legend([*names.values()])


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
