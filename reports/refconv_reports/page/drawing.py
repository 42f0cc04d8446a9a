"""Matplotlib as a maker of small SVGs that follow the page: its fonts, and its colours, light or dark.

A figure is drawn twice, for wide pages and for phones, so that its text has the page's size on both. What matplotlib
writes as a colour of `COLOURS` becomes a CSS variable.
"""

from __future__ import annotations

import io
import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, NullLocator

from refconv_reports.page import blocks
from refconv_reports.page.blocks import Text

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
# Stand-ins that no drawing has by chance, and the page's variables.
COLOURS = {
    "ink": "#010203",
    "muted": "#010204",
    "line": "#010205",
    "surface": "#010206",
    "one": "#010207",
    "two": "#010208",
    "three": "#010209",
    "four": "#01020a",
    "peer": "#01020b",
    "faint": "#01020c",
}
MARKS = (("one", "o"), ("two", "s"), ("three", "^"), ("four", "D"))  # told apart by shape as well
WIDE, NARROW = 920, 336  # CSS pixels
SIZE = 12.0
ROOM = 1.6  # on both sides of a logarithmic axis; its square is above 5 / 2, so that one value has a tick
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "refconv",
    "font.family": "DejaVu Sans",  # comes with matplotlib; it is wide, so what fits with it fits with any other
    "font.size": SIZE,
    "text.color": COLOURS["ink"],
    "axes.edgecolor": COLOURS["line"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.labelsize": SIZE,
    "axes.titlesize": SIZE,
    "axes.titlecolor": COLOURS["ink"],
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": COLOURS["faint"],
    "grid.linewidth": 1,
    "xtick.color": COLOURS["line"],
    "ytick.color": COLOURS["line"],
    "xtick.labelcolor": COLOURS["muted"],
    "ytick.labelcolor": COLOURS["muted"],
    "xtick.labelsize": SIZE - 1,
    "ytick.labelsize": SIZE - 1,
    "figure.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": SIZE,
    "legend.borderpad": 0.3,
    "legend.borderaxespad": 0,
    "legend.handlelength": 1.2,
    "legend.columnspacing": 1.6,
    "lines.linewidth": 1.5,
    "figure.dpi": 72,
    "text.parse_math": False,  # a $ in a name is a $
}


class Sheet:
    """A canvas of some width, and what its groups of points are called. narrow: for a phone."""

    def __init__(self, width: int, titles: bool) -> None:
        self.width = width
        self.narrow = width == NARROW
        self.titles: dict[str, Sequence[str]] = {}
        self._keeps_titles = titles
        self.canvas = Canvas()

    def axes(self, height: float, rows: int = 1, columns: int = 1, **options: object) -> list[Axes]:
        """The panels, row by row. height: of everything, CSS pixels."""
        layout = ConstrainedLayoutEngine(w_pad=2 / 72, h_pad=4 / 72, wspace=0.03, hspace=0.04)
        self.canvas = Canvas(figsize=(self.width / 72, height / 72), dpi=72, layout=layout)
        grid = self.canvas.subplots(rows, columns, squeeze=False, **options)  # type: ignore[call-overload]
        return list(grid.flat)

    def name(self, group: str, titles: Sequence[str]) -> str:
        """The ``gid`` for a group of points; titles: of each point, which a pointer over it shows."""
        self.titles[group] = titles if self._keeps_titles else ()
        return group

    def legend(self, handles: Sequence[Artist]) -> None:
        """Above all panels, from the left, in as few rows as there is room for."""
        renderer = FigureCanvasAgg(self.canvas).get_renderer()  # type: ignore[no-untyped-call]
        for columns in range(len(handles), 0, -1):
            legend = self.canvas.legend(handles=list(handles), loc="outside upper left", ncols=columns)
            if columns == 1 or legend.get_window_extent(renderer).width <= self.width:
                return
            legend.remove()


def figure(slug: str, draw: Callable[[Sheet], None], caption: Text, alt: str) -> blocks.Figure:
    """Draws for both widths."""
    wide, narrow = (_svg(f"{slug}-{name}", draw, width, alt) for name, width in (("w", WIDE), ("n", NARROW)))
    return blocks.Figure(slug, caption, alt, wide, narrow)


def ticks(axes: Axes, which: str, values: Sequence[float], labels: Sequence[str] | None = None) -> None:
    """These ticks and no others, labelled as numbers of the page."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_ticks(values)
    if labels is None:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    else:
        axis.set_ticklabels(labels)
    axis.set_minor_locator(NullLocator())


def log_axis(axes: Axes, which: str, values: Sequence[float]) -> tuple[float, float]:
    """A logarithmic axis that has room for the values; returns its limits."""
    low, high = min(values) / ROOM, max(values) * ROOM
    axes.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    ticks(axes, which, log_ticks(low, high))
    return low, high


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Ticks between the two, so far apart that their labels have room: 1, 2, 5; 1, 5; powers of ten, thinned."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    span = math.log10(high / low)
    steps = (1, 2, 5) if span < 1.25 else (1, 5) if span < 2 else (1,)
    marks = [step * 10.0**power for power in powers for step in steps]
    inside = [mark for mark in marks if low <= mark <= high]
    return inside[:: -(-len(inside) // most)]


def _svg(slug: str, draw: Callable[[Sheet], None], width: int, alt: str) -> str:
    with _style():
        sheet = Sheet(width, titles=width == WIDE)
        draw(sheet)
        page = io.StringIO()
        sheet.canvas.savefig(page, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _mended(page.getvalue(), slug, alt, sheet.titles)


@contextmanager
def _style() -> Iterator[None]:
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def _mended(text: str, slug: str, alt: str, titles: Mapping[str, Sequence[str]]) -> str:
    """As it may stand in a page, once or with others: no ids that clash, no fonts, no sizes of its own."""
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(re.sub(r"<!DOCTYPE[^>]*>", "", text))
    for child in root.findall(f"{{{SVG}}}metadata"):
        root.remove(child)
    for element in root.iter():
        points = titles.get(element.get("id", ""), ())
        if points:
            for use, title in zip(element.iter(f"{{{SVG}}}use"), points, strict=True):
                ElementTree.SubElement(use, f"{{{SVG}}}title").text = title
    _rename(root, slug)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", alt)
    written = ElementTree.tostring(root, encoding="unicode")
    for name, stand_in in COLOURS.items():
        written = written.replace(stand_in, f"var(--{name})")
    written = re.sub(r"font: (?:(bold|700) )?([\d.]+)px [^;\"]*;?", _font, written)
    return re.sub(r">\s+<", "><", written)


def _font(match: re.Match[str]) -> str:
    weight = " font-weight: 600;" if match[1] else ""
    return f"font-size: {match[2]}px;{weight}"


def _rename(root: ElementTree.Element, slug: str) -> None:
    """Ids that are referred to get the figure's name before them; the others go."""
    text = ElementTree.tostring(root, encoding="unicode")
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", text))
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name in used:
            element.set("id", f"{slug}-{name}")
        if (target := element.attrib.pop(f"{{{XLINK}}}href", None)) is not None:
            element.set("href", f"#{slug}-{target[1:]}")
        for key, value in element.attrib.items():
            if "url(#" in value:
                element.set(key, value.replace("url(#", f"url(#{slug}-"))
