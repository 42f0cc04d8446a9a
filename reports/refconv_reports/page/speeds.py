"""How fast the suite works on a machine: the simulator, the laws, the certificates, and the finding of planted bugs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from matplotlib.lines import Line2D

from refconv_reports.page.blocks import Block, Cell, Code, Table, Text, count, duration, number, slug
from refconv_reports.page.drawing import COLOURS, MARKS, Sheet, figure, log_axis, ticks
from refconv_reports.page.schema import Bug, Certificate, Law, Simulator
from refconv_reports.page.stored import Run


def simulator(run: Run) -> list[Block]:
    """Problems a second, plain and checked."""
    found = run.of(Simulator)
    rates: dict[str, dict[bool, float]] = {}
    for result in found:
        if result.problems_per_second is not None and result.nanoseconds_per_switch is None:
            rates.setdefault(result.implementation, {})[result.checked] = result.problems_per_second
    switches = [result.nanoseconds_per_switch for result in found if result.nanoseconds_per_switch is not None]
    rows = [
        [
            Cell(Code(name)),
            *(Cell(number(both[checked]) if checked in both else "-", number=True) for checked in (False, True)),
            Cell(number(both[False] / both[True]) if len(both) == 2 else "-", number=True),
        ]
        for name, both in rates.items()
    ]
    switch = f" One switch from thread to thread takes {number(statistics.median(switches))} ns." if switches else ""
    caption = f"Problems a second on the simulator: plain, and with every access checked.{switch}"
    return [Table(caption, ["kernel", "plain", "checked", "times slower checked"], rows)] if rows else []


def laws(run: Run) -> list[Block]:
    """Examples a second of each law."""
    found = run.of(Law)
    if not found:
        return []
    implementations = list(dict.fromkeys((law.implementation, law.dtype) for law in found))
    rates = {(law.law, law.implementation, law.dtype): law.examples_per_second for law in found}
    names = list(dict.fromkeys(law.law for law in found))
    middle = statistics.median(rates.values())
    slowest = min(rates, key=lambda key: rates[key])
    told = (
        f"{count(len(names), 'law')}: {number(middle)} examples a second in the median, at worst "
        f"{number(rates[slowest])} ({slowest[0]} on {slowest[1]}, {slowest[2]})."
    )
    rows = [
        [
            Cell(Code(name)),
            *(
                Cell(number(rates[(name, *key)]), number=True)
                if (name, *key) in rates
                else Cell("-", number=True, tone="quiet")
                for key in implementations
            ),
        ]
        for name in names
    ]
    heads: list[Text] = [(Code(name), f" {dtype}") for name, dtype in implementations]
    table = Table("Examples a second, by law and implementation", ["law", *heads], rows, folded=True)
    return [
        figure(
            slug(f"laws {run.machine.key}"),
            lambda sheet: _draw_laws(sheet, found),
            f"Examples a second of each law. {told}",
            f"Speed of the laws. {told}",
        ),
        table,
    ]


def _draw_laws(sheet: Sheet, found: Sequence[Law]) -> None:
    of: dict[str, list[float]] = {}
    for law in found:
        of.setdefault(law.law, []).append(law.examples_per_second)
    names = sorted(of, key=lambda name: statistics.median(of[name]))
    rows = {name: row for row, name in enumerate(names)}
    implementations = list(dict.fromkeys(law.implementation for law in found))
    [axes] = sheet.axes(44 + 18 * len(names) + 20 * (-(-len(implementations) // (2 if sheet.narrow else 4))))
    handles = []
    for index, name in enumerate(implementations):
        colour, marker = MARKS[index % len(MARKS)]
        some = [law for law in found if law.implementation == name]
        titles = [f"{law.law} on {name}, {law.dtype}: {number(law.examples_per_second)} a second" for law in some]
        style = {
            "marker": marker,
            "mec": COLOURS[colour],
            "mfc": COLOURS[colour] if index < len(MARKS) else "none",
            "ls": "",
        }
        axes.plot(
            [law.examples_per_second for law in some],
            [rows[law.law] for law in some],
            ms=6,
            gid=sheet.name(f"law-{index}", titles),
            **style,  # type: ignore[arg-type]
        )
        handles.append(Line2D([], [], ms=6, label=name, **style))  # type: ignore[arg-type]
    values = [law.examples_per_second for law in found]
    log_axis(axes, "x", values)
    axes.set_ylim(-0.8, len(names) - 0.2)
    ticks(axes, "y", range(len(names)), names)
    axes.tick_params(axis="y", length=0, labelcolor=COLOURS["ink"])
    axes.grid(True)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("examples a second")
    sheet.legend(handles)


def bugs(run: Run) -> list[Block]:
    """How soon planted bugs are found."""
    found = sorted(run.of(Bug), key=lambda bug: bug.seconds)
    if not found:
        return []
    seconds = [bug.seconds for bug in found]
    slowest = found[-1]
    told = (
        f"{count(len(found), 'planted bug')}: half are found within {duration(statistics.median(seconds))}, all within "
        f"{duration(slowest.seconds)}, the last by {slowest.law} after {count(slowest.examples, 'example')}"
    )
    rows = [
        [
            Cell(Code(bug.bug)),
            Cell(Code(bug.law)),
            Cell(f"{bug.examples:,}", number=True),
            Cell(duration(bug.seconds), number=True),
        ]
        for bug in reversed(found)
    ]
    table = Table("Each planted bug, slowest first", ["bug", "found by", "examples", "time"], rows, folded=True)
    plot = figure(
        slug(f"bugs {run.machine.key}"),
        lambda sheet: _draw_bugs(sheet, found),
        (f"{told} (", Code(slowest.bug), ")."),
        f"{told}, {slowest.bug}.",
    )
    return [plot, table]


def _draw_bugs(sheet: Sheet, found: Sequence[Bug]) -> None:
    [axes] = sheet.axes(250)
    least = 1e-4
    values = [max(bug.seconds, least) for bug in found]
    places = range(1, len(found) + 1)
    low, high = log_axis(axes, "x", values)
    axes.step([low, *values, high], [0, *places, len(found)], where="post", color=COLOURS["one"])
    titles = [f"{bug.bug}: {duration(bug.seconds)}, {bug.law}" for bug in found]
    axes.plot(values, places, ls="", marker="o", ms=3.5, color=COLOURS["one"], gid=sheet.name("bugs", titles))
    axes.set_ylim(0, len(found) * 1.05)
    marks = list(axes.get_xticks())
    ticks(axes, "x", marks, [duration(mark).replace(".00 ", " ").replace(".0 ", " ") for mark in marks])
    axes.grid(True)
    axes.set(xlabel="time to the first failure", ylabel="bugs found")


def certificates(run: Run) -> list[Block]:
    """How many times faster a certificate is than the oracle."""
    found = run.of(Certificate)
    rows = [[Cell(Code(c.layer)), Cell(c.operator), Cell(number(c.oracle_ratio), number=True)] for c in found]
    if not rows:
        return []
    mean = number(statistics.geometric_mean(c.oracle_ratio for c in found))
    caption = f"A certificate is {mean} times as fast as the vectorised oracle in the geometric mean"
    return [Table(caption, ["layer", "operator", "times as fast"], rows)]
