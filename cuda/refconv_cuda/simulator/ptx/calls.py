"""One ``asm`` statement as C++: registers are variables, instructions calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from refconv_cuda.simulator.ptx.assembly import Brace, Instruction, Registers, parsed
from refconv_cuda.simulator.ptx.statements import CONSTRAINTS, Malformed, Operand
from refconv_cuda.simulator.ptx.table import SPECIAL_REGISTERS, Row, family, rows

_TYPE = re.compile(r"(?P<result>=?)(?:(?P<count>\d+)\*)?(?P<type>\w+)(?P<mark>[!+]?)")
_INTEGER = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|\d+)U?")
_FLOAT = re.compile(r"0[fF](?P<single>[0-9a-fA-F]{8})|0[dD](?P<double>[0-9a-fA-F]{16})|-?\d+\.\d*(?:[eE][-+]?\d+)?")
_ADDRESS = re.compile(r"\[\s*(?P<base>%\[\w+\]|[\w%$.]+)\s*(?:\+\s*(?P<offset>-?\w+|%\d+|%\[\w+\])\s*)?\]")
_PLACEHOLDER = re.compile(r"%(?:(\d+)|\[(\w+)\])$")
_SPACES = {"[shared]": 32, "[global]": 64, "[generic]": 64}


class NotSimulated(Exception):
    """What of an ``asm`` statement is not simulated, as the beginning of a sentence."""


@dataclass(frozen=True)
class _Value:
    """A PTX operand. type: of the register; ``imm`` and ``real``, a constant; ``at32`` and ``at64``, an address.

    code: C++. writable: whether an instruction may set it.
    """

    type: str
    code: str
    writable: bool = False

    @property
    def bits(self) -> int:
        size = re.search(r"\d+$", self.type)
        return int(size[0]) if size else 0

    @property
    def is_float(self) -> bool:
        return self.type in ("f32", "f64")


class _Mismatch(Exception):
    """An operand is not what a row of the table asks for."""


class Calls:
    """The C++ for one statement. Raises `Malformed`, `NotSimulated`."""

    def __init__(self, template: str, operands: Sequence[Operand]) -> None:
        self._template = template
        self._operands = operands
        self._values = [self._value(i, operand) for i, operand in enumerate(operands)]
        self._named = {operand.name: self._values[i] for i, operand in enumerate(operands) if operand.name}
        self._scopes: list[dict[str, _Value]] = [{}]

    def code(self) -> str:
        """A statement without its semicolon, on one line."""
        body = "".join(self._line(line) for line in parsed(self._template))
        before, after = [], []
        for i, operand in enumerate(self._operands):
            register, expression = f"refconv_{i}", " ".join(operand.expression.split())
            if operand.letter == "n":
                continue
            if operand.writes:
                before.append(f"auto& refconv_at_{i} = {expression}; ")
                after.append(
                    f"refconv_at_{i} = ::refconv::ptx::output<'{operand.letter}'>(refconv_at_{i}, {register}); "
                )
                expression = f"(refconv_at_{i})"
            start = f"::refconv::ptx::input<'{operand.letter}'>{expression}" if operand.reads else _undefined(operand)
            before.append(f"::refconv::ptx::{CONSTRAINTS[operand.letter]} {register} = {start}; ")
        return f"do {{ {''.join(before)}{body}{''.join(after)}}} while (0)"

    @staticmethod
    def _value(number: int, operand: Operand) -> _Value:
        if operand.letter == "n":
            return _Value("imm", " ".join(operand.expression.split()))
        return _Value(CONSTRAINTS[operand.letter], f"refconv_{number}", operand.writes)

    # -- what a template consists of -----------------------------------------------------------------------------

    def _line(self, line: Brace | Registers | Instruction) -> str:
        if isinstance(line, Brace):
            if line.text == "{":
                self._scopes.append({})
            else:
                self._scopes.pop()
            return f"{line.text} "
        if isinstance(line, Registers):
            return self._declared(line)
        return self._instruction(line)

    def _declared(self, registers: Registers) -> str:
        kind = {"f16": "b16", "bf16": "b16", "f16x2": "b32", "bf16x2": "b32"}.get(registers.type, registers.type)
        if kind != "pred" and not re.fullmatch(r"[busf](16|32|64)", kind):
            raise NotSimulated(f"a register of the type .{registers.type} in inline PTX (asm)")
        kind = re.sub("^[us]", "b", kind)
        code = ""
        for name in registers.names:
            variable = "refconv_register_" + re.sub(r"\W", "_", name.replace("%", "p_"))
            self._scopes[-1][name.replace("%%", "%")] = _Value(kind, variable, writable=True)
            code += f"::refconv::ptx::{kind} {variable} = ::refconv::ptx::undefined<::refconv::ptx::{kind}>(); "
        return code

    def _instruction(self, instruction: Instruction) -> str:
        opcode = instruction.opcode
        known = rows(opcode)
        if not known:
            name = family(opcode) or family(self._template)
            raise NotSimulated(f"{name + ' in ' if name else ''}inline PTX (asm), '{opcode}',")
        operands = instruction.operands
        values = [self._operand(each, opcode) for each in operands]
        mismatches = []
        for row in known:
            try:
                call = self._call(row, values)
            except _Mismatch as mismatch:
                mismatches.append(str(mismatch))
                continue
            return self._guarded(instruction, call)
        takes = " or ".join(_signature(row) for row in known)
        given = ", ".join(_shown(each) for each in operands) or "none"
        why = f" ({mismatches[0]})" if len(known) == 1 and mismatches[0] else ""
        raise Malformed(f"{opcode} is simulated with the operands {takes}, but is given {given}{why}")

    def _guarded(self, instruction: Instruction, call: str) -> str:
        if instruction.guard is None:
            return call
        guard = self._operand(instruction.guard, f"@{instruction.guard}")
        if not isinstance(guard, _Value) or guard.type != "pred":
            raise Malformed(f"the guard @{instruction.guard} must be a register of the type .pred")
        return f"if ({'!' if instruction.negated else ''}{guard.code}) {{ {call}}} "

    # -- operands ------------------------------------------------------------------------------------------------

    def _operand(self, text: str | tuple[str, ...], opcode: str) -> _Value | tuple[_Value, ...]:
        if isinstance(text, tuple):
            return tuple(self._scalar(each, opcode) for each in text)
        return self._scalar(text, opcode)

    def _scalar(self, text: str, opcode: str) -> _Value:
        if text.startswith("["):
            return self._address(text, opcode)
        if match := _PLACEHOLDER.match(text):
            return self._placeholder(match, text)
        name = text.replace("%%", "%")
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        if name in SPECIAL_REGISTERS:
            return _Value(*SPECIAL_REGISTERS[name])
        if _INTEGER.fullmatch(text):
            return _Value("imm", f"({text.rstrip('U')})")
        if match := _FLOAT.fullmatch(text):
            return _float(match)
        if name.startswith("%"):
            raise NotSimulated(f"the register {name} in inline PTX (asm)")
        raise Malformed(f"{opcode} names '{text}', which no .reg declares")

    def _placeholder(self, match: re.Match[str], text: str) -> _Value:
        number, name = match.groups()
        if name is not None:
            if name not in self._named:
                raise Malformed(f"its template names operand {text}, but no operand has that name")
            return self._named[name]
        if int(number) >= len(self._values):
            raise Malformed(f"its template names operand {text}, but there are only {len(self._values)}")
        return self._values[int(number)]

    def _address(self, text: str, opcode: str) -> _Value:
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise Malformed(f"{opcode} has the address {text}, which must be [register] or [register+constant]")
        base = self._scalar(match["base"], opcode)
        if base.type not in ("b32", "b64"):
            raise Malformed(f"{opcode} has the address {text}, which must be a register of 32 or 64 bits")
        offset = self._scalar(match["offset"], opcode).code if match["offset"] else ""
        # An address wraps around as its register does.
        return _Value(f"at{base.bits}", f"::refconv::ptx::{base.type}({base.code}{' + ' + offset if offset else ''})")

    # -- an instruction with operands that fit -------------------------------------------------------------------

    def _call(self, row: Row, values: Sequence[_Value | tuple[_Value, ...]]) -> str:
        if len(values) != len(row.operands):
            raise _Mismatch
        codes: list[str] = []
        results: list[tuple[str, _Value]] = []
        for wanted, given in zip(row.operands, values, strict=True):
            if wanted in _SPACES or wanted in ("imm", "zero"):
                codes.append(_special(wanted, given))
                continue
            spec = _TYPE.fullmatch(wanted)
            assert spec is not None, wanted
            each = _elements(given, spec["count"])
            for value in each:
                _check(spec, value)
            kind = spec["type"]
            if spec["result"]:
                results = [(kind, value) for value in each]
                codes.append("")
            elif spec["count"]:
                codes.append("{" + ", ".join(_read(kind, value) for value in each) + "}")
            else:
                codes.append(_read(kind, each[0]))
        expression = re.sub(r"\$(\d)", lambda match: codes[int(match[1]) - 1], row.expression)
        expression = re.sub(r"(?<![\w:])ptx::", "::refconv::ptx::", expression)
        is_vector = row.operands and row.operands[0].startswith("=") and "*" in row.operands[0]
        if not results:
            return f"{expression}; "
        if not (is_vector or "::load<" in expression):
            return _written(*results[0], f"({expression})")
        writes = "".join(_written(kind, value, f"refconv_all.of[{i}]") for i, (kind, value) in enumerate(results))
        return f"{{ auto refconv_all = {expression}; {writes}}} "


def _special(wanted: str, given: _Value | tuple[_Value, ...]) -> str:
    if isinstance(given, tuple):
        raise _Mismatch
    if wanted == "imm" and given.type == "imm":
        return given.code
    if wanted == "zero" and given.type == "imm" and given.code == "(0)":
        return given.code
    if wanted == "[shared]" and given.type in ("at32", "at64"):
        return given.code
    if wanted in ("[global]", "[generic]") and given.type == "at64":
        return given.code
    raise _Mismatch(f"an address of this space is a register of {_SPACES[wanted]} bits" if wanted in _SPACES else "")


def _elements(given: _Value | tuple[_Value, ...], count: str | None) -> tuple[_Value, ...]:
    """The registers of an operand that should be so long a vector, or none."""
    if isinstance(given, tuple) != (count is not None):
        raise _Mismatch
    if isinstance(given, tuple):
        if len(given) != int(count or 0):
            raise _Mismatch
        return given
    return (given,)


def _check(spec: re.Match[str], value: _Value) -> None:
    kind, mark = spec["type"], spec["mark"]
    if spec["result"]:
        if value.type in ("imm", "real") or value.type.startswith("at"):
            raise _Mismatch
        if not value.writable:
            raise Malformed("it writes an operand that is an input")
    if value.type == "imm":
        if kind == "pred" or kind[0] == "f":
            raise _Mismatch
        return
    if value.type == "real":
        if kind[0] != "f":
            raise _Mismatch
        return
    if value.type.startswith("at") or (value.type == "pred") != (kind == "pred"):
        raise _Mismatch
    if kind == "pred":
        return
    letter, bits = kind[0], int(kind[1:])
    if value.bits != bits and not (mark == "+" and value.bits > bits and not value.is_float and letter != "f"):
        raise _Mismatch(f"a register has {value.bits} bits where it takes {bits}")
    if value.is_float and (letter in "us" or mark == "!"):
        raise _Mismatch("a float's register where it takes an integer's")


def _read(kind: str, value: _Value) -> str:
    """An operand's value as C++ of an instruction's type."""
    if value.type == "pred":
        return value.code
    if value.type in ("imm", "real") or value.bits != int(kind[1:]):
        return f"static_cast<::refconv::ptx::{kind}>({value.code})"
    return value.code if _same(kind, value.type) else f"::refconv::bits_as<::refconv::ptx::{kind}>({value.code})"


def _written(kind: str, value: _Value, code: str) -> str:
    if value.type == "pred" or _same(kind, value.type):
        return f"{value.code} = {code}; "
    if value.bits != int(kind[1:]):  # a narrow load into a wider register; a signed one extends its sign
        return f"{value.code} = static_cast<::refconv::ptx::{value.type}>({code}); "
    return f"{value.code} = ::refconv::bits_as<::refconv::ptx::{value.type}>({code}); "


def _same(one: str, other: str) -> bool:
    """Whether two of PTX's types are the same in C++."""
    return one[1:] == other[1:] and (one[0] == other[0] or {one[0], other[0]} == {"b", "u"})


def _float(match: re.Match[str]) -> _Value:
    if match["single"]:
        return _Value("f32", f"::refconv::bits_as<float>(0x{match['single']}u)")
    if match["double"]:
        return _Value("f64", f"::refconv::bits_as<double>(0x{match['double']}ull)")
    return _Value("real", f"({match[0]})")


def _undefined(operand: Operand) -> str:
    return f"::refconv::ptx::undefined<::refconv::ptx::{CONSTRAINTS[operand.letter]}>()"


def _signature(row: Row) -> str:
    """What an instruction takes, in words: ``{4 f32}, {2 b32}, [shared]``."""
    shown = []
    for operand in row.operands:
        spec = _TYPE.fullmatch(operand)
        if operand == "zero":
            shown.append("0")
        elif operand == "imm":
            shown.append("a constant")
        elif spec is None:
            shown.append(operand)
        else:
            shown.append(f"{{{spec['count']} {spec['type']}}}" if spec["count"] else spec["type"])
    return ", ".join(shown) or "none"


def _shown(operand: str | tuple[str, ...]) -> str:
    return "{" + ", ".join(operand) + "}" if isinstance(operand, tuple) else operand
