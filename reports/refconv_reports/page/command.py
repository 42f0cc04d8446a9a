"""``refconv report``: reads, renders, writes; the exit status."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from refconv_reports.page import render, stored
from refconv_reports.page.blocks import count
from refconv_reports.page.report import Page, page
from refconv_reports.page.stored import InputError, Stored

FOLDER = Path("reports")
DEFAULT = Path("build/report.html")
FIGURES = "figures"


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit status: 0 written, 2 something could not be read or written, 130 Ctrl-C."""
    try:
        found = stored.read(options.results or stored.default_paths(FOLDER))
        made = page(found)
        target: Path | None = options.html if options.html or options.markdown else DEFAULT
        if target:
            _write(target, render.html(made))
        if options.markdown:
            _write_markdown(options.markdown, made)
    except InputError as error:
        print(f"refconv report: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("refconv report: interrupted", file=sys.stderr)
        return 130
    print(_from(found))
    return 0


def _write_markdown(path: Path, made: Page) -> None:
    """The page, and its figures in a folder beside it."""
    folder = path.parent / FIGURES
    for name, drawing in render.drawings(made).items():
        _write(folder / name, drawing)
    _write(path, render.markdown(made, FIGURES))


def _write(path: Path, text: str) -> None:
    """Writes a file, whole or not at all, and says so. Creates its folder. Raises `InputError`."""
    beside = path.with_name(f".{path.name}.part")
    try:
        if path.exists() and not path.is_file():  # a pipe or a terminal is not replaced
            path.write_text(text, encoding="utf-8")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                beside.write_text(text, encoding="utf-8")
                beside.replace(path.resolve())
            finally:
                beside.unlink(missing_ok=True)
    except FileExistsError:
        raise InputError(f"cannot write {path}: {path.parent} is no folder") from None
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    if path.suffix != ".svg":
        print(f"wrote {path}, {len(text.encode()) / 1024:,.0f} KiB")


def _from(found: Stored) -> str:
    parts = [
        count(len(found.runs), "run") + f" on {count(len(found.machines), 'machine')}",
        count(sum(len(check.runs) for check in found.checks), "checked implementation"),
        *([count(len(found.certified), "report") + " of certificates"] if found.certified else []),
        count(len(found.findings), "released framework"),
        count(len(found.kernels), "CUDA version"),
    ]
    return "from " + ", ".join(parts)
