"""The ``asm`` statements of a C++ text: where they stand, their template, and their operands."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

CONSTRAINTS = {"h": "b16", "r": "b32", "l": "b64", "f": "f32", "d": "f64", "n": "imm"}  # and what a register then holds

_KEYWORD = re.compile(
    r"\b(?:asm|__asm__|__asm)\b(?P<qualifiers>(?:\s+(?:volatile|__volatile__|inline|goto)\b)*)\s*(?=[({])"
)
_LITERAL = re.compile(
    r'\s*(?:R"(?P<mark>[^()\s\\]*)\((?P<raw>.*?)\)(?P=mark)"|"(?P<plain>(?:[^"\\\n]|\\.)*)")', re.DOTALL
)
_OPERAND = re.compile(
    r'(?:\[\s*(?P<name>\w+)\s*\]\s*)?(?P<constraint>(?:"[^"]*"\s*)+)(?P<expression>\(.*\))\s*', re.DOTALL
)
_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]+)|\n|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "f": "\f", "0": "\0", "a": "\a", "b": "\b"}


class Malformed(Exception):
    """What is wrong with an ``asm`` statement, to be told with its file and line."""


@dataclass(frozen=True)
class Operand:
    """One operand: its constraint's letter, and the C++ expression. name: as in ``%[name]``."""

    name: str | None
    letter: str
    writes: bool
    reads: bool
    expression: str


@dataclass(frozen=True)
class Statement:
    """One ``asm`` statement, ``text[start:end]``, without its semicolon.

    body: what is between the parentheses. plain: the same with every string and character literal blanked out.
    """

    start: int
    end: int
    qualifiers: str
    body: str
    plain: str

    def parts(self) -> tuple[str, tuple[Operand, ...]]:
        """The template, with ``%`` for a register of PTX's own as ``%%``, and the operands. Raises `Malformed`."""
        if self.plain.startswith("{") or "goto" in self.qualifiers:
            raise Malformed('it must have the form asm volatile("template" : outputs : inputs : clobbers)')
        sections = [self.body[a:b] for a, b in _split(self.plain, ":")]
        template = _joined(sections[0])
        if len(sections) == 1:
            return template.replace("%", "%%"), ()
        outputs = [_operand(text, output=True) for text in _listed(sections[1])]
        inputs = [_operand(text, output=False) for text in _listed(sections[2])] if len(sections) > 2 else []
        for clobber in _listed(sections[3]) if len(sections) > 3 else ():
            _joined(clobber)
        if len(sections) > 4:
            raise Malformed("it has more than outputs, inputs and clobbers between its colons")
        return template, (*outputs, *inputs)


def statements(text: str, plain: str) -> Iterator[Statement]:
    """Those of ``text``. plain: the text with literals blanked out, character by character."""
    for match in _KEYWORD.finditer(plain):
        opening = match.end()
        closing = _closing(plain, opening)
        if closing is None:
            continue  # the compiler will say what it misses
        inside = slice(opening + 1, closing) if plain[opening] == "(" else slice(opening, closing)
        yield Statement(match.start(), closing + 1, match["qualifiers"], text[inside], plain[inside])


def _closing(plain: str, opening: int) -> int | None:
    depth = 0
    for match in re.compile(r"[()\[\]{}]").finditer(plain, opening):
        depth += 1 if match[0] in "([{" else -1
        if depth == 0:
            return match.start()
    return None


def _split(plain: str, separator: str) -> list[tuple[int, int]]:
    """The stretches between separators that stand outside all parentheses."""
    cuts, depth = [-1], 0
    for i, character in enumerate(plain):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == separator and depth == 0:
            cuts.append(i)
    cuts.append(len(plain))
    return [(a + 1, b) for a, b in itertools.pairwise(cuts)]


def _listed(section: str) -> list[str]:
    if not section.strip():
        return []
    blanked = _LITERAL.sub(lambda match: " " * len(match[0]), section)
    return [section[a:b].strip() for a, b in _split(blanked, ",")]


def _operand(text: str, *, output: bool) -> Operand:
    shown = " ".join(text.split())
    match = _OPERAND.fullmatch(text)
    if match is None:
        raise Malformed(f"operand '{shown}' must be a constraint in quotes and an expression in parentheses")
    constraint = _joined(match["constraint"]).strip()
    sign, letter = re.fullmatch(r"([=+]?)&?(.*)", constraint, re.DOTALL).groups()  # type: ignore[union-attr]
    if letter not in CONSTRAINTS:
        raise Malformed(f"operand '{shown}' has the constraint \"{constraint}\", which must be one of {_known(output)}")
    if output and (not sign or letter == "n"):
        raise Malformed(f"output '{shown}' has the constraint \"{constraint}\", which must be one of {_known(output)}")
    if not output and sign:
        raise Malformed(f"input '{shown}' has the constraint \"{constraint}\", which only an output may have")
    return Operand(match["name"], letter, bool(sign), sign != "=", match["expression"])


def _known(output: bool) -> str:
    letters = [letter for letter in CONSTRAINTS if not (output and letter == "n")]
    return ", ".join(f'"={letter}"' if output else f'"{letter}"' for letter in letters)


def _joined(text: str) -> str:
    """Adjacent string literals as one string."""
    parts, position = [], 0
    while match := _LITERAL.match(text, position):
        parts.append(match["raw"] if match["raw"] is not None else _ESCAPE.sub(_unescaped, match["plain"]))
        position = match.end()
    rest = " ".join(text[position:].split())
    if rest or not parts:
        raise Malformed(f"'{rest}' must be a string literal")
    return "".join(parts)


def _unescaped(match: re.Match[str]) -> str:
    octal, hexadecimal, character = match.groups()
    if octal:
        return chr(int(octal, 8))
    if hexadecimal:
        return chr(int(hexadecimal, 16))
    return _ESCAPED.get(character, character) if character else ""
