"""PTX text: blocks, declarations of registers, and instructions with their guards and operands."""

from __future__ import annotations

import re
from dataclasses import dataclass

from refconv_cuda.simulator.ptx.statements import Malformed

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_GUARD = re.compile(r"@\s*(?P<negated>!?)\s*(?P<register>[\w$%\[\]]+)\s*")
_OPCODE = re.compile(r"[A-Za-z_][\w.:]*")
_DECLARATION = re.compile(r"\.reg\s*\.(?P<type>\w+)\s+(?P<names>.*)", re.DOTALL)
_NAME = re.compile(r"(?P<name>%{0,2}[A-Za-z_$][\w$]*)(?:<(?P<count>\d+)>)?")


@dataclass(frozen=True)
class Brace:
    """Where a block begins or ends: what it declares is its own."""

    text: str


@dataclass(frozen=True)
class Registers:
    """``.reg .type names;``"""

    type: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Instruction:
    """``@guard opcode operands;``. A vector ``{a, b}`` is a tuple; an address keeps its brackets."""

    opcode: str
    operands: tuple[str | tuple[str, ...], ...]
    guard: str | None = None
    negated: bool = False


def parsed(template: str) -> list[Brace | Registers | Instruction]:
    """What a template says, in order. Raises `Malformed`."""
    text = _COMMENT.sub(" ", template)
    found: list[Brace | Registers | Instruction] = []
    depth = position = 0
    while position < len(text):
        character = text[position]
        if character.isspace() or character == ";":
            position += 1
        elif character in "{}":
            depth += 1 if character == "{" else -1
            found.append(Brace(character))
            position += 1
        else:
            end = text.find(";", position)
            if end < 0:
                raise Malformed(f"'{_shown(text[position:])}' must end with a semicolon")
            found.append(_line(text[position:end].strip()))
            position = end + 1
        if depth < 0:
            break
    if depth:
        raise Malformed("its braces must come in pairs")
    return found


def _line(text: str) -> Registers | Instruction:
    if declaration := _DECLARATION.fullmatch(text):
        names: list[str] = []
        for each in declaration["names"].split(","):
            match = _NAME.fullmatch(each.strip())
            if match is None:
                raise Malformed(f"'{_shown(text)}' must name registers")
            count = match["count"]
            names += [match["name"]] if count is None else [f"{match['name']}{i}" for i in range(int(count))]
        return Registers(declaration["type"], tuple(names))
    guard = _GUARD.match(text)
    rest = text[guard.end() :] if guard else text
    opcode = _OPCODE.match(rest)
    if opcode is None:
        return Instruction(_shown(rest.split(None, 1)[0] if rest else text), ())
    operands = _operands(rest[opcode.end() :].strip())
    return Instruction(opcode[0], operands, guard["register"] if guard else None, bool(guard and guard["negated"]))


def _operands(text: str) -> tuple[str | tuple[str, ...], ...]:
    if not text:
        return ()
    found: list[str | tuple[str, ...]] = []
    for part in re.findall(r"\{[^{}]*\}|[^,{}]+|,|[{}]", text):
        each = part.strip()
        if each.startswith("{") and each.endswith("}") and len(each) > 1:
            found.append(tuple(element.strip() for element in each[1:-1].split(",")))
        elif each and each != ",":
            found.append(each)
    return tuple(found)


def _shown(text: str) -> str:
    return " ".join(text.split())[:60]
