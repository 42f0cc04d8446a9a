"""What a page is made of: sections of paragraphs, tables and figures. HTML and Markdown are two ways to write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


class Code(str):
    """A name, a command or a file, set as code."""

    __slots__ = ()


Text = str | tuple[str, ...]
"""A sentence: a string, or strings one after the other, some of them `Code`."""


@dataclass(frozen=True)
class Cell:
    """A table's cell.

    number: aligned right, with figures of equal width. tone: ``good``, ``bad`` or ``quiet``, which the words themselves
    must say as well. level: 0 to 1, how strongly it is shaded.
    """

    text: Text
    number: bool = False
    tone: str = ""
    level: float | None = None


@dataclass(frozen=True)
class Table:
    """Rows under a heading; the first cell of a row is its heading. caption: what the table shows.

    folded: shown when asked for, for what only a few readers want row by row.
    """

    caption: Text
    columns: Sequence[Text]
    rows: Sequence[Sequence[Cell]]
    folded: bool = False

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers."""
        return [any(row[index].number for row in self.rows) for index in range(len(self.columns))]


@dataclass(frozen=True)
class Figure:
    """A drawing, for wide pages and for narrow ones, as SVG with the colours of `refconv_reports.page.drawing`.

    caption: what it shows, with the finding. alt: the finding, for who does not see it.
    """

    slug: str
    caption: Text
    alt: str
    wide: str
    narrow: str


@dataclass(frozen=True)
class Paragraph:
    """One or a few sentences."""

    text: Text


@dataclass(frozen=True)
class Bullets:
    """A list. terms: with a word in bold before each."""

    items: Sequence[tuple[str, Text]]


Block = Paragraph | Bullets | Table | Figure


@dataclass(frozen=True)
class Section:
    """A part of the page, below a heading."""

    title: str
    slug: str
    blocks: Sequence[Block] = ()
    sections: Sequence[Section] = field(default=())


def plain(text: Text) -> str:
    """Without the marks."""
    return text if isinstance(text, str) else "".join(text)


def number(value: float) -> str:
    """Three significant figures, thousands apart: 0.873, 41.2, 1,240."""
    if value == 0:
        return "0"
    if value >= 1e9 or value < 1e-4:
        return f"{value:.2e}"
    if value >= 100:
        return f"{value:,.0f}"
    digits = 2 if value >= 1 else 3
    return f"{value:.{1 if value >= 10 else digits}f}" if value >= 0.1 else f"{value:.3g}"


def ratio(value: float) -> str:
    """Two decimals, as 0.87; large ones shorter, as 12.4, and small ones longer."""
    return f"{value:.2f}" if 0.1 <= value < 10 else number(value)


def percent(share: float) -> str:
    """Three significant figures at most: 100%, 62.5%."""
    return f"{100 * share:.3g}%"


def duration(seconds: float) -> str:
    """With its unit: 12 ns, 3.4 µs, 56 ms, 1.2 s."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{number(seconds / size)} {unit}"
    return f"{number(seconds * 1e9)} ns"


def count(many: int, what: str, plural: str = "") -> str:
    """``1 layer``, ``53 layers``."""
    return f"{many:,} {what if many == 1 else plural or what + 's'}"


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)


def slug(text: str) -> str:
    """For an anchor or a file's name: letters, digits and hyphens."""
    return "-".join("".join(c if c.isalnum() and c.isascii() else " " for c in text.lower()).split()) or "x"
