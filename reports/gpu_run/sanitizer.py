"""NVIDIA's compute-sanitizer: where it is, how it is called, and what its log says.

https://docs.nvidia.com/compute-sanitizer/ComputeSanitizer/index.html has its options and its reports: a line that
begins with nine equals signs and a space opens one, lines that are indented further belong to it, a summary ends the
log.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"^={9} ?(.*)$", re.MULTILINE)
_PLACE = re.compile(r"\b(\w+\.cu):(\d+)")
_SUMMARY = re.compile(r"SUMMARY: (\d+)")
# What is said of the program, of the tool itself, and of calls that fail after the fault that was reported.
_NO_REPORT = re.compile(
    r"COMPUTE-SANITIZER|.*SUMMARY:|Program hit|No memory|Warning: (?!.*(Race|hazard))|$"
    r"|(Error: )?(Target application|process|Internal|Unable to|Device not supported)"
)
_COMPLAINT = re.compile(r"Error: |Target application|Internal|Unable to|Device not supported")


@dataclass(frozen=True)
class Report:
    """One thing that was found. file, line: the first place that is named, if any is."""

    text: str
    file: str | None
    line: int | None

    def __str__(self) -> str:
        return f"{self.text}, {self.file}:{self.line}" if self.file else self.text


@dataclass(frozen=True)
class Log:
    """A whole log. finished: the tool came to its summary. complaint: what it says of itself where it did not work."""

    reports: tuple[Report, ...]
    finished: bool
    complaint: str


def find() -> str | None:
    """The command, on the search path or beside CUDA's compiler, or None."""
    homes = [os.environ.get(name) for name in ("CUDA_HOME", "CUDA_PATH")]
    folders = [str(Path(home, "bin")) for home in (*homes, "/usr/local/cuda") if home]
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *folders])
    return shutil.which("compute-sanitizer", path=path)


def command(binary: str, tool: str, log: Path, launched: Sequence[str]) -> list[str]:
    """``launched`` under one of the tools. Calls that fail only because of a fault are not reported beside it."""
    options = ["--tool", tool, "--log-file", str(log), "--print-limit", "1000", "--report-api-errors", "no"]
    return [binary, *options, *launched]


def read(text: str) -> Log:
    """What a log says."""
    lines = [match[1] for match in _LINE.finditer(text)]
    reports: list[Report] = []
    complaint = ""
    for line in lines:
        if line.startswith(" "):
            place = _PLACE.search(line)
            if place and reports and reports[-1].file is None:
                reports[-1] = Report(reports[-1].text, place[1], int(place[2]))
        elif _NO_REPORT.match(line):
            complaint = complaint or (line if _COMPLAINT.match(line) else "")
        else:
            place = _PLACE.search(line)
            headline = re.split(r" at | of size", re.sub(r"^(Error|Warning): ", "", line))[0]
            reports.append(Report(headline, place[1] if place else None, int(place[2]) if place else None))
    return Log(tuple(reports), bool(_SUMMARY.search(text)), complaint)
