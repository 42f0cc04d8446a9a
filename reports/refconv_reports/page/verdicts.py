"""Laws by implementations, and the geometry that their examples reached; from ``refconv check --json`` and findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from refconv_reports.page.blocks import Block, Cell, Code, Paragraph, Section, Table, Text, count, listed, number
from refconv_reports.page.drawing import COLOURS, Sheet, figure, log_axis, ticks
from refconv_reports.page.schema import CheckedRun
from refconv_reports.page.stored import Stored

WORST_FIRST = ("broken", "held", "vacuous", "skipped", "not offered")
TONES = {"broken": "bad", "held": "good", "vacuous": "quiet", "skipped": "quiet", "not offered": "quiet"}


@dataclass(frozen=True)
class Column:
    """An implementation. words: what became of each law, the worst over its dtypes. examples: of all laws."""

    name: str
    about: str
    words: dict[str, str]
    examples: int


def columns(stored: Stored) -> list[Column]:
    """Those under ``refconv check`` first, then the released frameworks."""
    found = []
    checked: dict[tuple[str, str], list[CheckedRun]] = {}
    for check in stored.checks:
        for run in check.runs:
            checked.setdefault((run.implementation, run.device), []).append(run)
    for (name, device), runs in checked.items():
        laws = [(law.law, law.verdict) for run in runs for law in run.laws]
        examples = sum(law.examples for run in runs for law in run.laws)
        about = f"{device}, {', '.join(dict.fromkeys(run.dtype for run in runs))}"
        found.append(Column(name, about, _worst(laws), examples))
    for key, finding in stored.findings:
        if finding.laws:
            about = key.removeprefix(finding.implementation).strip() or finding.version
            words = _worst((law.law, law.verdict) for law in finding.laws)
            found.append(Column(finding.implementation, about, words, sum(law.examples for law in finding.laws)))
    return found


def _worst(laws: Iterable[tuple[str, str]]) -> dict[str, str]:
    words: dict[str, str] = {}
    for law, verdict in laws:
        words[law] = min(verdict, words.get(law, verdict), key=WORST_FIRST.index)
    return words


def verdicts(stored: Stored) -> Section | None:
    """Laws by implementations, if any are stored."""
    every = columns(stored)
    if not any(column.words for column in every):
        return None
    laws = dict.fromkeys(law for column in every for law in column.words)
    broken = [(column, sum(word == "broken" for word in column.words.values())) for column in every]
    faulty = [(Code(column.name), f" {column.about} ({many})") for column, many in broken if many]
    whole = len(broken) - len(faulty)
    told: Text = (
        f"{count(len(laws), 'law')} on {count(len(every), 'implementation')}, "
        f"{sum(column.examples for column in every):,} examples in all. {whole} of {len(broken)} break none"
        + (", and these break some: " if faulty else "."),
        *(part for index, pair in enumerate(faulty) for part in (", " if index else "", *pair)),
        "." if faulty else "",
    )
    rows = [[Cell(Code(law)), *(_word(column.words.get(law)) for column in every)] for law in laws]
    rows.append([Cell("examples"), *(Cell(f"{column.examples:,}") for column in every)])
    caption = "What became of each law, the worst over the dtypes. n/a: it does not apply, or was not reached."
    heads: list[Text] = [(Code(column.name), f" {column.about}") for column in every]
    if stored.findings:
        told = (
            *told,
            " What is wrong with a release, and the smallest problem that shows it: ",
            Code("docs/findings.md"),
            ".",
        )
    blocks: list[Block] = [Paragraph(told), Table(caption, ["law", *heads], rows)]
    missing = [
        (Code(finding.implementation), f": {finding.unavailable}")
        for _, finding in stored.findings
        if finding.unavailable
    ]
    if missing:
        parts = [part for index, pair in enumerate(missing) for part in ("; " if index else "", *pair)]
        blocks.append(Paragraph(("Not tried: ", *parts, ".")))
    return Section("Laws by implementations", "laws", blocks)


def _word(word: str | None) -> Cell:
    if word in ("held", "broken"):
        return Cell(word, tone=TONES[word])
    return Cell("n/a", tone="quiet")


def coverage(stored: Stored) -> Section | None:
    """How many examples lay in each geometry cell, if any check is stored that counted them."""
    runs = [run for check in stored.checks for run in check.runs if run.coverage]
    if not runs:
        return None
    cells = list(dict.fromkeys(cell for run in runs for cell in run.coverage))
    least = {cell: min(run.coverage.get(cell, 0) for run in runs) for cell in cells}
    missed = [cell for cell in cells if least[cell] == 0]
    fewest = min(cells, key=lambda cell: least[cell])
    told = (
        f"All {len(cells)} cells of the geometry are reached by each of {count(len(runs), 'run')}; the fewest "
        f"examples, {least[fewest]}, lie in “{fewest}”."
        if not missed
        else f"{len(cells) - len(missed)} of {len(cells)} cells of the geometry are reached by each of "
        f"{count(len(runs), 'run')}; not by all: {listed(missed)}."
    )
    plot = figure(
        "coverage",
        lambda sheet: _draw(sheet, least),
        f"Examples in each cell, in the run that has fewest. {told}",
        f"Geometry coverage. {told}",
    )
    return Section("Geometry that the examples reach", "coverage", [plot, _counts(runs, cells)])


def _draw(sheet: Sheet, least: dict[str, int]) -> None:
    names = sorted(least, key=lambda cell: least[cell])
    [axes] = sheet.axes(44 + 17 * len(names))
    start, _ = log_axis(axes, "x", [1, max(2, *least.values())])
    axes.set_ylim(-0.8, len(names) - 0.2)
    for row, name in enumerate(names):
        value = least[name]
        if value:
            axes.plot([start, value], [row] * 2, color=COLOURS["one"], lw=7, solid_capstyle="butt")
            continue
        axes.text(start * 1.1, row, "none", va="center", ha="left", fontsize=11, color=COLOURS["two"])
    ticks(axes, "y", range(len(names)), names)
    axes.tick_params(axis="y", length=0, labelcolor=COLOURS["ink"])
    axes.grid(True, axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("examples")


def _counts(runs: Sequence[CheckedRun], cells: Sequence[str]) -> Table:
    rows = []
    for cell in cells:
        counts = [run.coverage.get(cell, 0) for run in runs]
        rows.append(
            [
                Cell(cell),
                *(
                    Cell(number(value) if value < 100 else f"{value:,}", number=True)
                    if value
                    else Cell("none", number=True, tone="bad")
                    for value in counts
                ),
            ]
        )
    heads: list[Text] = [(Code(run.implementation), f" {run.device}, {run.dtype}") for run in runs]
    return Table("Examples in each cell, by run", ["cell", *heads], rows, folded=True)
