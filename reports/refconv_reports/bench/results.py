"""Stored results: pytest-benchmark's JSON, one file a run, named after machine and date."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from refconv_reports.bench import machine

FOLDER = Path("reports", "results")


class CannotCompare(Exception):
    """Two runs may not be compared; the message says why."""


def read(path: Path) -> dict[str, Any]:
    """A stored run. Raises ``OSError``, and ``ValueError`` for a file that is none."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from None
    if not isinstance(stored, dict) or not isinstance(stored.get("benchmarks"), list):
        raise ValueError(f"{path} is no result of pytest-benchmark: it has no list of benchmarks")
    if "refconv" not in stored.get("machine_info", {}):
        raise ValueError(f"{path} does not say what machine it is from: it has no machine_info.refconv")
    return stored


def write(path: Path, stored: dict[str, Any]) -> None:
    """Writes a run, into a file all of it or nothing. Raises ``OSError``."""
    text = json.dumps(stored, indent=1) + "\n"
    if path.exists() and not path.is_file():  # a pipe or a device is written to, not replaced
        path.write_text(text, encoding="utf-8")
        return
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def check_writable(path: Path) -> None:
    """Makes the folder, and raises ``OSError`` where `write` would: before a run, not after it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(21, "Is a directory", str(path))
    with tempfile.TemporaryFile(dir=path.parent):
        pass


def free_name(folder: Path, slug: str, day: date) -> Path:
    """``<machine>-<YYYY-MM-DD>.json``, with -2, -3 where there is one of that day."""
    stem, number = f"{slug}-{day.isoformat()}", 1
    while (path := folder / f"{stem}{'' if number == 1 else f'-{number}'}.json").exists():
        number += 1
    return path


def medians(stored: dict[str, Any], here: dict[str, Any]) -> dict[tuple[str, ...], float]:
    """Seconds of an earlier run's layers, by problem, operator, dtype and implementation.

    here: ``machine_info["refconv"]`` of this machine. Raises `CannotCompare` where it was another.
    """
    reason = machine.difference(here, stored["machine_info"]["refconv"])
    if reason is not None:
        raise CannotCompare(f"figures of different machines are not compared: {reason}")
    return dict(_layer_medians(stored["benchmarks"]))


def _layer_medians(benchmarks: Iterable[dict[str, Any]]) -> Iterable[tuple[tuple[str, ...], float]]:
    for each in benchmarks:
        info = each.get("extra_info", {})
        if info.get("kind") == "layer":
            yield key(info), float(each["stats"]["median"])


def key(info: dict[str, Any]) -> tuple[str, ...]:
    """What must agree for two durations to be of the same thing."""
    return tuple(info[name] for name in ("problem", "operator", "dtype", "implementation"))
