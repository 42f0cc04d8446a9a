"""Earlier counterexamples, to be tried again: what ``--json`` wrote is what ``--replay`` reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from refconv.problem import Problem
from refconv_properties.search import Example


class CannotReplay(ValueError):
    """The file cannot be replayed; the message says why."""


@dataclass(frozen=True)
class Entry:
    """A counterexample of an earlier run: of which implementation, in which dtype, to which law."""

    spec: str
    dtype: str
    law: str
    example: Example


def read(file: Path) -> list[Entry]:
    """All counterexamples in a report, in its order. Raises `CannotReplay`."""
    try:
        report = json.loads(file.read_text())
    except OSError as error:
        raise CannotReplay(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:
        raise CannotReplay(f"{file} is no JSON: {error}") from None
    try:
        entries = [
            Entry(run["spec"], run["dtype"], law["law"], (Problem.parse(found["problem"]), int(found["seed"])))
            for run in report["runs"]
            for law in run["laws"]
            if (found := law["counterexample"]) is not None
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise CannotReplay(f"{file} is no report of refconv check: {type(error).__name__}: {error}") from None
    if not entries:
        raise CannotReplay(f"{file} holds no counterexample")
    return entries
