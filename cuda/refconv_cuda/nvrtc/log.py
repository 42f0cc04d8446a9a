"""What NVRTC and ptxas say: what they complain of, with file and line, and what each kernel takes.

A log has three kinds of complaint, alike from CUDA 11.8 to 13.5:

    im2col.cu(12): error: identifier "__vimin3_s32" is undefined                       the compiler's, with our line
    nvrtc: error: invalid value for --std (-std)                                       about the options
    ptxas application ptx input, line 31; error   : Feature '...' requires .target sm_90 or higher

ptxas counts the lines of PTX that nobody wrote. `source_line` finds ours by the ``.loc`` before that line.

Under ``-v`` ptxas tells what each kernel takes; from 12.8 on the last line also counts barriers and cumulative stack:

    ptxas info    : Compiling entry function '_Z1fPi' for 'sm_80'
    ptxas info    : Function properties for _Z1fPi
    ptxas         .     1152 bytes stack frame, 1036 bytes spill stores, 1368 bytes spill loads
    ptxas info    : Used 24 registers, 360 bytes cmem[0]
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Say nothing of the kernel. NVRTC 12.8 and 12.9 print the first for GPUs before sm_75, ptxas the second after errors.
_NO_COMPLAINT = re.compile(
    r"nvrtc: warning: Architectures prior to .* are deprecated|ptxas fatal *: Ptx assembly aborted due to errors"
)
_KIND = r"(?P<kind>error|warning|fatal)"
_COMPLAINTS = (
    re.compile(rf"(?P<file>[^\n]+?)\((?P<line>\d+)\): (?:catastrophic )?{_KIND}(?: #[\w-]+)?: (?P<text>.*)"),
    re.compile(rf"ptxas application ptx input, line (?P<ptx_line>\d+); {_KIND} *: (?P<text>.*)"),
    re.compile(rf"(?P<tool>ptxas|nvrtc)(?::| ) *{_KIND} *: (?P<text>.*)"),
)
_ENTRY = re.compile(r"Compiling entry function '(\S+)' for")
_FRAME = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers(.*)")
_SHARED = re.compile(r"(\d+) bytes smem")


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


@dataclass(frozen=True)
class Resources:
    """What a kernel takes. registers: of a thread. shared: static bytes of a block. The rest: bytes of a thread.

    spill_stores and spill_loads count the bytes that a thread moves where every such instruction runs once. A function
    that a kernel calls counts with it.
    """

    registers: int
    shared: int = 0
    stack: int = 0
    spill_stores: int = 0
    spill_loads: int = 0


def diagnostics(log: str) -> list[Diagnostic]:
    """The errors and warnings, first to last, less those that speak of a GPU's age."""
    found = []
    for line in map(str.strip, log.splitlines()):
        if _NO_COMPLAINT.match(line):
            continue
        match = next(filter(None, (pattern.match(line) for pattern in _COMPLAINTS)), None)
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


def resources(log: str) -> dict[str, Resources]:
    """What each kernel takes, by its mangled name. Empty for a log without ``-v``'s lines."""
    found: dict[str, dict[str, int]] = {}
    entry = ""
    for line in log.splitlines():
        if match := _ENTRY.search(line):
            entry = match[1]
            found[entry] = {"registers": 0, "shared": 0, "stack": 0, "spill_stores": 0, "spill_loads": 0}
        elif not entry:
            continue  # a function's properties before any kernel's
        elif match := _FRAME.search(line):
            for name, value in zip(("stack", "spill_stores", "spill_loads"), match.groups(), strict=True):
                found[entry][name] += int(value)
        elif match := _USED.search(line):
            found[entry]["registers"] = int(match[1])
            shared = _SHARED.search(match[2])
            found[entry]["shared"] = int(shared[1]) if shared else 0
    return {name: Resources(**values) for name, values in found.items()}
