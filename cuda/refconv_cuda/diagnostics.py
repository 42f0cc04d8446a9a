"""What NVRTC and ptxas complain about, read from their log: which file, which line, what.

A log has three kinds of complaint, alike from CUDA 11.8 to 13.5:

    im2col.cu(12): error: identifier "__vimin3_s32" is undefined                       the compiler's, with our line
    nvrtc: error: invalid value for --std (-std)                                       about the options
    ptxas application ptx input, line 31; error   : Feature '...' requires .target sm_90 or higher
    ptxas error   : Entry function 'f' uses too much shared data (0x13880 bytes, 0xc000 max)

ptxas counts the lines of PTX that nobody wrote. `source_line` finds ours by the ``.loc`` before that line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Say nothing of the kernel. NVRTC 12.8 and 12.9 print the first for GPUs before sm_75, ptxas the second after errors.
_NO_COMPLAINT = re.compile(
    r"nvrtc: warning: Architectures prior to .* are deprecated|ptxas fatal *: Ptx assembly aborted due to errors"
)
_KIND = r"(?P<kind>error|warning|fatal)"
_PATTERNS = (
    re.compile(rf"(?P<file>[^\n]+?)\((?P<line>\d+)\): (?:catastrophic )?{_KIND}(?: #[\w-]+)?: (?P<text>.*)"),
    re.compile(rf"ptxas application ptx input, line (?P<ptx_line>\d+); {_KIND} *: (?P<text>.*)"),
    re.compile(rf"(?P<tool>ptxas|nvrtc)(?::| ) *{_KIND} *: (?P<text>.*)"),
)


@dataclass(frozen=True)
class Diagnostic:
    """One complaint. kind: ``error`` or ``warning``. line: from 1, in ``file``. ptx_line: from 1, in generated PTX."""

    kind: str
    text: str
    file: str | None = None
    line: int | None = None
    ptx_line: int | None = None

    def __str__(self) -> str:
        if self.file is not None:
            place = f"{self.file}({self.line}): "
        else:
            place = "" if self.ptx_line is None else f"line {self.ptx_line} of the PTX: "
        return f"{place}{self.kind}: {self.text}"


def read(log: str) -> list[Diagnostic]:
    """The errors and warnings of a log, first to last, less those that speak of a GPU's age."""
    found = []
    for line in map(str.strip, log.splitlines()):
        if _NO_COMPLAINT.match(line):
            continue
        match = next(filter(None, (pattern.match(line) for pattern in _PATTERNS)), None)
        if match is None:
            continue
        fields = match.groupdict()
        found.append(
            Diagnostic(
                kind="warning" if fields["kind"] == "warning" else "error",
                text=fields["text"],
                file=fields.get("file"),
                line=int(fields["line"]) if "line" in fields else None,
                ptx_line=int(fields["ptx_line"]) if "ptx_line" in fields else None,
            )
        )
    return found


def source_line(ptx: str, line: int) -> tuple[str, int] | None:
    """The file and the line that a line of PTX comes from, or None where the PTX does not say.

    ptx: compiled with ``-lineinfo``. line: from 1.
    """
    lines = ptx.splitlines()
    names = dict(re.findall(r'^\s*\.file\s+(\d+)\s+"([^"]+)"', ptx, re.MULTILINE))
    for text in reversed(lines[:line]):
        if location := re.match(r"\s*\.loc\s+(\d+)\s+(\d+)", text):
            number, source = location.groups()
            return (names[number], int(source)) if number in names else None
        if re.match(r"\s*(?:\.visible |\.weak )?\.(?:entry|func)\b", text):
            return None  # another kernel's lines say nothing about this one
    return None
