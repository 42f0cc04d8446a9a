"""A receptive field as a picture: the pixels that one element of a result reads, and those that it should.

As text for a terminal, as SVG, and as PNG where Pillow is installed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from refconv.explain.diagnosis import Diagnosis, element
from refconv.explain.terms import Term, formula
from refconv.problem import LETTERS, OPERANDS, RESULTS

# A symbol and a colour (those of Okabe and Ito, which most eyes tell apart) for what happens to a pixel.
KINDS = {
    "right": ("#", "#009e73"),
    "missing": ("-", "#e69f00"),
    "foreign": ("+", "#d55e00"),
    "both": ("*", "#cc79a7"),
    "miscounted": ("2", "#f0e442"),
    "not read": (".", "#ffffff"),
    "padding": (":", "#dddddd"),
}
MEANINGS = {
    "right": "read",
    "missing": "missing",
    "foreign": "read, but no term",
    "both": "read with another channel or weight",
    "miscounted": "counted wrongly",
    "not read": "not read",
    "padding": "padding",
}
MOST = 48  # rows or columns that are drawn
CELL = 26  # pixels of a picture


@dataclass(frozen=True)
class Picture:
    """caption: what it shows. rows, columns: the indices drawn; outside the image they are padding. kinds: of each."""

    caption: str
    rows: range
    columns: range
    kinds: dict[tuple[int, int], str]
    notes: list[str]

    @property
    def legend(self) -> list[str]:
        """The kinds that occur."""
        used = set(self.kinds.values())
        return [kind for kind in KINDS if kind in used]

    def text(self) -> list[str]:
        """Lines for a terminal."""
        margin = max(len(str(row)) for row in (self.rows[0], self.rows[-1]))
        lines = [self.caption]
        for row in self.rows:
            cells = " ".join(KINDS[self.kinds[row, column]][0] for column in self.columns)
            lines.append(f"{row:>{margin}} {cells}")
        legend = "   ".join(f"{KINDS[kind][0]} {MEANINGS[kind]}" for kind in self.legend)
        return [*lines, " " * (margin + 1) + legend, *self.notes]

    def save(self, path: Path) -> None:
        """Writes a ``.svg`` or ``.png`` file. Raises ``ValueError`` for another name, or where Pillow is missing."""
        if path.suffix.lower() == ".svg":
            path.write_text(self.svg(), encoding="utf-8")
        elif path.suffix.lower() == ".png":
            self._save_png(path)
        else:
            raise ValueError(f"--picture {path} must end in .svg or .png")

    def svg(self) -> str:
        """The picture as an SVG document."""
        width, height = self._size()
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'font-family="monospace" font-size="13">',
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        ]
        for x, y, fill in self._cells():
            parts.append(f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{fill}" stroke="#888888"/>')
        parts += [f'<text x="{x}" y="{y + 13}">{escape(text)}</text>' for x, y, text in self._texts()]
        return "\n".join([*parts, "</svg>\n"])

    def _save_png(self, path: Path) -> None:
        try:
            from PIL import Image, ImageDraw, ImageFont
        except ImportError:
            raise ValueError(
                f"--picture {path} needs Pillow: pip install 'refconv[picture]'; .svg needs nothing"
            ) from None
        image = Image.new("RGB", self._size(), "#ffffff")
        draw = ImageDraw.Draw(image)
        for x, y, fill in self._cells():
            draw.rectangle((x, y, x + CELL, y + CELL), fill=fill, outline="#888888")
        font = ImageFont.load_default(13)
        for x, y, text in self._texts():
            draw.text((x, y), text, fill="#000000", font=font)
        image.save(path)

    def _size(self) -> tuple[int, int]:
        words = max(len(text) for text in (self.caption, *self.notes, *(MEANINGS[kind] for kind in self.legend)))
        lines = len(self.legend) + len(self.notes)
        return max((len(self.columns) + 3) * CELL, words * 9 + 2 * CELL), (len(self.rows) + 3 + lines) * CELL

    def _cells(self) -> list[tuple[int, int, str]]:
        """Left, top and colour of each cell of the picture, and of the legend."""
        cells = [
            ((2 + place) * CELL, (2 + line) * CELL, KINDS[self.kinds[row, column]][1])
            for line, row in enumerate(self.rows)
            for place, column in enumerate(self.columns)
        ]
        below = len(self.rows) + 3
        return cells + [(CELL, (below + i) * CELL - CELL // 2, KINDS[kind][1]) for i, kind in enumerate(self.legend)]

    def _texts(self) -> list[tuple[int, int, str]]:
        """Left, top and words of each piece of text."""
        inset = 6
        texts = [(inset, inset, self.caption)]
        for place, column in enumerate(self.columns):
            texts.append(((2 + place) * CELL + inset, CELL + inset, str(column)))
        for line, row in enumerate(self.rows):
            texts.append((inset, (2 + line) * CELL + inset, str(row)))
            for place, column in enumerate(self.columns):
                symbol = KINDS[self.kinds[row, column]][0]
                texts.append(((2 + place) * CELL + 9, (2 + line) * CELL + inset, symbol))
        top = (len(self.rows) + 3) * CELL - CELL // 2 + inset
        for i, kind in enumerate(self.legend):
            texts.append((CELL + 9, top + i * CELL, KINDS[kind][0]))
            texts.append((2 * CELL + inset, top + i * CELL, MEANINGS[kind]))
        return texts + [(inset, top + (len(self.legend) + i) * CELL, note.strip()) for i, note in enumerate(self.notes)]


def drawn(diagnosis: Diagnosis) -> Picture | None:
    """The picture of the first wrong element, in the image that holds its first wrong term; None if it has none."""
    reading, problem, operator = diagnosis.reading, diagnosis.problem, diagnosis.operator
    if reading is None or not (reading.missing or reading.foreign or reading.counted):
        return None
    of_pixels = 1 if operator == "grad_weight" else 0
    name = LETTERS[OPERANDS[operator][of_pixels]]
    shape = problem.y_shape if name == "G" else problem.x_shape

    def pixel(term: Term) -> tuple[int, int, int]:
        i, u, v, _ = (int(n) for n in np.unravel_index(term[of_pixels], shape))
        return i, u, v

    terms = [(int(a), int(b)) for a, b in zip(*formula(operator, reading.index, problem), strict=True)]
    missing, counted = set(reading.missing), {term for term, _ in reading.counted}
    found: dict[tuple[int, int, int], set[str]] = {}
    for term in terms:
        kind = "missing" if term in missing else "miscounted" if term in counted else "right"
        found.setdefault(pixel(term), set()).add(kind)
    for term, _ in reading.foreign:
        found.setdefault(pixel(term), set()).add("foreign")
    wrong = [*reading.missing, *(term for term, _ in reading.counted), *(term for term, _ in reading.foreign)]
    image = reading.index[0] if operator != "grad_weight" else pixel(min(wrong))[0]
    marks = {(u, v): _kind(kinds) for (i, u, v), kinds in found.items() if i == image}
    rows, columns = _window(diagnosis, name, list(marks))
    kinds = {}
    for row in rows:
        for column in columns:
            inside = 0 <= row < shape[1] and 0 <= column < shape[2]
            kinds[row, column] = marks.get((row, column), "not read" if inside else "padding")
    notes = []
    elsewhere = Counter(kind for (i, _, _), there in found.items() if i != image for kind in there)
    if elsewhere:
        told = ", ".join(f"{count} {MEANINGS[kind]}" for kind, count in elsewhere.items())
        notes.append(f"pixels of other images: {told}")
    if reading.limit:
        notes.append(f"not all terms were read off: {reading.limit}")
    caption = f"{name}[{image},row,column,:] as {element(RESULTS[operator], reading.index)} reads it"
    return Picture(caption, rows, columns, kinds, notes)


def _kind(kinds: set[str]) -> str:
    if len(kinds) == 1:
        return next(iter(kinds))
    wrong = kinds - {"right"}
    return next(iter(wrong)) if len(wrong) == 1 else "both"


def _window(diagnosis: Diagnosis, name: str, marks: list[tuple[int, int]]) -> tuple[range, range]:
    """The whole padded image, or as much of it around the marks as may be drawn."""
    problem = diagnosis.problem
    top, bottom, left, right = problem.padding if name == "X" else (0, 0, 0, 0)
    height, width = (problem.height, problem.width) if name == "X" else (problem.out_height, problem.out_width)
    us, vs = [u for u, _ in marks] or [0], [v for _, v in marks] or [0]
    return _cut(-top, height + bottom, min(us), max(us)), _cut(-left, width + right, min(vs), max(vs))


def _cut(start: int, stop: int, least: int, most: int) -> range:
    if stop - start <= MOST:
        return range(start, stop)
    middle = min(max((least + most) // 2, start + MOST // 2), stop - MOST // 2)
    return range(middle - MOST // 2, middle + MOST // 2)
