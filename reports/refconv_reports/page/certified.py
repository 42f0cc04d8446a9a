"""Layers of real size, verified by random projections; from ``refconv certify --json``."""

from __future__ import annotations

from refconv_reports.page.blocks import Block, Bullets, Cell, Code, Paragraph, Section, Table, count, number
from refconv_reports.page.schema import Certified
from refconv_reports.page.stored import Stored


def certified(stored: Stored) -> Section | None:
    """The section, if any report is stored."""
    if not stored.certified:
        return None
    every = [layer for report in stored.certified for layer in report.layers]
    held = [layer for layer in every if layer.verdict == "held"]
    broken = [(report, layer) for report in stored.certified for layer in report.layers if layer.verdict == "broken"]
    missed = sum(layer.probability for layer in held)
    layers = {layer.layer for layer in every}
    told = (
        f"Of {count(len(every), 'result')} on {count(len(layers), 'layer')}, {len(held):,} are right and "
        f"{len(broken):,} wrong; that a wrong one is among the right has a probability of {number(missed)} at most."
    )
    blocks: list[Block] = [Paragraph(told), _table(stored)]
    if broken:
        blocks.append(
            Bullets(
                [(f"{layer.layer}, {layer.operator}", f"{_name(report)}: {layer.reason}") for report, layer in broken]
            )
        )
    return Section("Layers of real size, certified", "certified", blocks)


def _name(report: Certified) -> str:
    return f"{report.implementation} on {report.device}, {report.dtype}"


def _table(stored: Stored) -> Table:
    rows = []
    for report in stored.certified:
        verdicts = [layer.verdict for layer in report.layers]
        broken = verdicts.count("broken")
        rows.append(
            [
                Cell(Code(report.implementation)),
                Cell(f"{report.device}, {report.dtype}"),
                Cell(str(len({layer.layer for layer in report.layers})), number=True),
                Cell(str(len({layer.layer for layer in report.layers if layer.scaled})), number=True),
                Cell(str(verdicts.count("held")), number=True),
                Cell(str(broken), number=True, tone="bad" if broken else ""),
                Cell(str(verdicts.count("skipped")), number=True, tone="quiet"),
            ]
        )
    columns = ["implementation", "on", "layers", "made smaller", "right", "wrong", "skipped"]
    return Table("Results of the three operators, by what became of them", columns, rows)
