"""From ``asm`` statements to C++: each in its place, on its line, under the same ``if``."""

from __future__ import annotations

import bisect
import re

from refconv_cuda.simulator.errors import CompileError
from refconv_cuda.simulator.ptx.calls import Calls, NotSimulated
from refconv_cuda.simulator.ptx.statements import Malformed, Statement, statements
from refconv_cuda.simulator.refused import without_literals

WORDS = "#include <words/ptx.h>\n"
REASON = (
    "the simulator's documentation lists the instructions that are; give the kernel a plain CUDA C form under "
    "#ifdef REFCONV_SIMULATOR"
)

# What the preprocessor says of lines; it may do so in the middle of a statement, after a macro called on several.
_MARKER = re.compile(r'^# (?P<line>\d+) "(?P<file>[^"]*)"[^\n]*$', re.MULTILINE)


def translated(text: str) -> str:
    """A preprocessed text with C++ in place of its inline PTX; unchanged if it has none.

    Raises `CompileError`, with file and line, for PTX that is not simulated, and for what is no PTX.
    """
    if "asm" not in text:
        return text
    lines = _Lines(text)
    code = _MARKER.sub(lambda marker: " " * len(marker[0]), text)
    parts, position = [], 0
    for statement in statements(code, without_literals(code)):
        try:
            calls = _calls(statement)
        except NotSimulated as reason:
            raise CompileError(
                f"{lines.place(statement.start)}: {_one_line(reason)} is not simulated: {REASON}"
            ) from None
        except Malformed as reason:
            raise CompileError(f"{lines.place(statement.start)}: inline PTX (asm): {_one_line(reason)}") from None
        parts += [text[position : statement.start], calls, lines.between(statement.start, statement.end)]
        position = statement.end
    return WORDS + "".join(parts) + text[position:] if parts else text


def _calls(statement: Statement) -> str:
    template, operands = statement.parts()
    return Calls(template, operands).code()


def _one_line(reason: Exception) -> str:
    return " ".join(str(reason).split())


class _Lines:
    """Where in which file the characters of a preprocessed text stand."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._markers = list(_MARKER.finditer(text))
        self._starts = [marker.start() for marker in self._markers]

    def place(self, position: int) -> str:
        """``my.cu:12``"""
        file, line = self._file_and_line(position)
        return f"{file}:{line}"

    def between(self, start: int, end: int) -> str:
        """What keeps the lines right where all between two positions was replaced by something on its first line."""
        if bisect.bisect(self._starts, start) == bisect.bisect(self._starts, end):
            return "\n" * self._text.count("\n", start, end)
        file, line = self._file_and_line(end)
        return f'\n# {line} "{file}"\n'

    def _file_and_line(self, position: int) -> tuple[str, int]:
        index = bisect.bisect(self._starts, position) - 1
        if index < 0:
            return "<code>", self._text.count("\n", 0, position) + 1
        marker = self._markers[index]
        return marker["file"], int(marker["line"]) + self._text.count("\n", marker.end(), position) - 1
