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
    "the simulator has the instructions that docs/simulator.md lists; give the kernel a plain CUDA C form under "
    "#ifdef REFCONV_SIMULATOR"
)

_MARKER = re.compile(r'^# (\d+) "([^"]*)"', re.MULTILINE)


def translated(text: str) -> str:
    """A preprocessed text with C++ in place of its inline PTX; unchanged if it has none.

    Raises `CompileError`, with file and line, for PTX that is not simulated, and for what is no PTX.
    """
    if "asm" not in text:
        return text
    parts, position = [], 0
    for statement in statements(text, without_literals(text)):
        try:
            code = _code(statement)
        except NotSimulated as reason:
            raise CompileError(f"{_place(text, statement)}: {reason} is not simulated: {REASON}") from None
        except Malformed as reason:
            raise CompileError(f"{_place(text, statement)}: inline PTX (asm): {reason}") from None
        lines = text.count("\n", statement.start, statement.end)
        parts += [text[position : statement.start], code, "\n" * lines]
        position = statement.end
    return WORDS + "".join(parts) + text[position:] if parts else text


def _code(statement: Statement) -> str:
    template, operands = statement.parts()
    return Calls(template, operands).code()


def _place(text: str, statement: Statement) -> str:
    markers = list(_MARKER.finditer(text))
    index = bisect.bisect(markers, statement.start, key=lambda marker: marker.start()) - 1
    if index < 0:
        return f"<code>:{text.count(chr(10), 0, statement.start) + 1}"
    marker = markers[index]
    return f"{marker[2]}:{int(marker[1]) + text.count(chr(10), marker.end(), statement.start) - 1}"
