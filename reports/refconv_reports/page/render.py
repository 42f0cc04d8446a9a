"""The page as HTML in one file, and as Markdown with its figures beside it."""

from __future__ import annotations

import re
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

import refconv
from refconv_reports.page.blocks import Bullets, Code, Figure, Paragraph, Section, Table, Text, plain
from refconv_reports.page.report import Page

KINDS = {Paragraph: "paragraph", Bullets: "bullets", Table: "table", Figure: "figure"}


def html(page: Page) -> str:
    """One file that loads nothing."""
    template = _environment("html").get_template("page.html")
    return template.render(page=page, css=Markup(_css()), version=refconv.__version__)


def markdown(page: Page, folder: str) -> str:
    """GitHub's Markdown. folder: where the figures lie, relative to the file."""
    text = (
        _environment("markdown").get_template("page.md").render(page=page, folder=folder, version=refconv.__version__)
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def drawings(page: Page) -> dict[str, str]:
    """The figures as files of their own, by name: wide, with the colours of the page, light or dark."""
    return {f"{figure.slug}.svg": _alone(figure) for figure in _figures(page.sections)}


def _figures(sections: tuple[Section, ...] | list[Section]) -> list[Figure]:
    found = []
    for section in sections:
        found += [block for block in section.blocks if isinstance(block, Figure)]
        found += _figures(list(section.sections))
    return found


def _alone(figure: Figure) -> str:
    style = (
        f"<style>{_palette()} svg {{ background: var(--surface); "
        "font-family: system-ui, 'Segoe UI', Helvetica, Arial, sans-serif }</style>"
    )
    head, rest = figure.wide.split(">", 1)
    return f"{head}>{style}{rest}\n"


def _css() -> str:
    return files("refconv_reports.page").joinpath("templates/page.css").read_text(encoding="utf-8")


def _palette() -> str:
    """The part of the style sheet that sets the colours."""
    css = _css()
    return " ".join(css[: css.index("/* end of the colours */")].split())


def _environment(kind: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("refconv_reports.page"),
        autoescape=kind == "html",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["text"] = _html if kind == "html" else _markdown
    environment.filters["plain"] = plain
    environment.filters["svg"] = Markup
    environment.tests.update({name: lambda block, kind=kind_: type(block) is kind for kind_, name in KINDS.items()})
    return environment


def _parts(text: Text) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


def _html(text: Text) -> Markup:
    return Markup("").join(_code(part) if isinstance(part, Code) else escape(part) for part in _parts(text))


def _code(name: str) -> Markup:
    """A name, which may go on in the next line where its parts meet."""
    pieces = re.split(r"(?<=[_<@/,-])(?=[^ ])", name)
    return Markup("<code>{}</code>").format(Markup("<wbr>").join(pieces))


def _markdown(text: Text) -> str:
    """Escaped, so that nothing in a name is markup, and a row stays a row."""
    return "".join(_fenced(part) if isinstance(part, Code) else _escaped(part) for part in _parts(text))


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(text.splitlines()) if "\n" in text else text)


def _fenced(text: str) -> str:
    """A code span; in a table, a bar ends a cell even there, but for a backslash before it."""
    text = " ".join(text.split()).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}" if text else ""
