"""Layers of real networks: reading a table of them, and shrinking one that this machine cannot hold."""

from __future__ import annotations

import csv
import math
import os
from dataclasses import dataclass
from pathlib import Path

from refconv.formats import FormatLike, format_of
from refconv.problem import Problem

COLUMNS = ("name", "n", "h", "w", "cin", "cout", "kh", "kw", "sh", "sw", "ph", "pw", "dil", "groups")
LEAST = 4


@dataclass(frozen=True)
class Layer:
    """name: of the layer, or the problem's text. changes: what was scaled, or empty."""

    name: str
    problem: Problem
    changes: str = ""

    def scaled(self, memory: int, form: FormatLike) -> Layer:
        """The layer on so few and so small images that its `footprint` fits, as far as that goes: W stays."""
        small: Problem = self.problem
        while footprint(small, form) > memory and (smaller := _smaller(small)) is not None:
            small = smaller
        told = [
            f"{name} {getattr(self.problem, name)} to {getattr(small, name)}"
            for name in ("batch", "height", "width")
            if getattr(self.problem, name) != getattr(small, name)
        ]
        return Layer(self.name, small, ", ".join(told))


def read(path: Path) -> list[Layer]:
    """The layers of a CSV file with the columns `COLUMNS`, one a line; others are ignored, but out_h and out_w checked.

    n, h, w: images and their size; cin, cout; kh, kw, sh, sw, ph, pw: kernel, stride, and padding on both sides, of
    height and width; dil: dilation of both; groups. Raises ``ValueError`` naming line and column, or ``OSError``.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise ValueError(f"{path} has no column {missing[0]}; it must have {','.join(COLUMNS)}")
        layers = [_layer(row, f"{path}:{rows.line_num}") for row in rows]
    if not layers:
        raise ValueError(f"{path} has no layer")
    return layers


def footprint(problem: Problem, form: FormatLike) -> int:
    """Bytes of X, W and Y; what the implementation takes besides is its own affair."""
    sizes = [math.prod(shape) for shape in (problem.x_shape, problem.w_shape, problem.y_shape)]
    return sum(sizes) * format_of(form).itemsize


def available_memory() -> int:
    """Bytes that this machine could give to a process now."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _smaller(problem: Problem) -> Problem | None:
    """Half the images; or, of one image, half the longer side, while it leaves `LEAST` rows or columns of output."""
    if problem.batch > 1:
        return problem.replace(batch=(problem.batch + 1) // 2)
    for name in sorted(("height", "width"), key=lambda name: -getattr(problem, name)):
        try:
            small = problem.replace(**{name: (getattr(problem, name) + 1) // 2})
        except ValueError:  # the kernel must fit
            continue
        if getattr(small, f"out_{name}") >= LEAST:
            return small
    return None


def _layer(row: dict[str, str | None], where: str) -> Layer:
    numbers = {}
    for name in (*COLUMNS[1:], *(name for name in ("out_h", "out_w") if row.get(name))):
        text = row[name]
        try:
            numbers[name] = int(text or "")
        except ValueError:
            raise ValueError(f"{where}: {name} = {text!r} must be a whole number") from None
    try:
        problem = Problem(
            batch=numbers["n"],
            height=numbers["h"],
            width=numbers["w"],
            c_in=numbers["cin"],
            c_out=numbers["cout"],
            kernel=(numbers["kh"], numbers["kw"]),
            stride=(numbers["sh"], numbers["sw"]),
            padding=(numbers["ph"], numbers["pw"]),
            dilation=numbers["dil"],
            groups=numbers["groups"],
        )
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    for name, size in (("out_h", problem.out_height), ("out_w", problem.out_width)):
        if numbers.get(name, size) != size:
            raise ValueError(f"{where}: {name} = {numbers[name]}, but {problem} has {size}")
    return Layer(row["name"] or str(problem), problem)
