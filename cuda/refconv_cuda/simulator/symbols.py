"""From addresses in a built kernel to the source: lines, by its debug information, and names of shared variables."""

from __future__ import annotations

import bisect
import functools
import io
import re
from pathlib import Path
from typing import Any, NamedTuple

RUNTIME = Path(__file__).parent / "runtime"

# An Itanium-mangled name ends with the length and the letters of the variable: _ZZ4kernIfEvPKT_E4tile.
_MANGLED = re.compile(r"^_Z.*E(?P<length>\d+)(?P<rest>\w+)$")


class Place(NamedTuple):
    """A line of a file."""

    file: str
    line: int


class Variable(NamedTuple):
    """A variable: its name, and where it lies: in thread-local storage if ``__shared__``, in the module if not."""

    name: str
    offset: int
    size: int


class Image:
    """The shared library of a checked module; read when a finding asks for it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def place(self, address: int) -> Place | None:
        """The line whose code lies before the return address ``address``, relative to the library's base.

        Where a helper of the simulator's own headers was inlined, the line that called it.
        """
        ranges = self._inlined
        position = address - 1
        containing = [entry for entry in ranges if entry[0] <= position < entry[1]]
        line = self._line(position)
        # From the innermost inlined call outwards, until the line is the user's.
        for _, _, caller in sorted(containing, key=lambda entry: entry[1] - entry[0]):
            if line is not None and not _is_ours(line.file):
                break
            line = caller
        return line

    def shared_variable(self, offset: int) -> Variable | None:
        """The ``__shared__`` variable at an offset of the module's thread-local storage."""
        return _variable_at(offset, self._variables("STT_TLS"))

    def module_variable(self, offset: int) -> Variable | None:
        """The ``__device__`` or ``__constant__`` variable at an offset of the module."""
        return _variable_at(offset, self._variables("STT_OBJECT"))

    def _line(self, position: int) -> Place | None:
        addresses, places = self._lines
        index = bisect.bisect_right(addresses, position) - 1
        return places[index] if index >= 0 else None

    @functools.cached_property
    def _elf(self) -> Any:
        try:
            from elftools.elf.elffile import ELFFile
        except ModuleNotFoundError:
            return None  # findings then lack lines and names: pip install 'refconv[simulator]'
        return ELFFile(io.BytesIO(self._file.read_bytes()))

    @functools.cached_property
    def _dwarf(self) -> Any:
        return self._elf.get_dwarf_info() if self._elf and self._elf.has_dwarf_info() else None

    @functools.cached_property
    def _lines(self) -> tuple[list[int], list[Place | None]]:
        """The line table: where each stretch of code begins, and its line."""
        rows: list[tuple[int, Place | None]] = []
        for unit in self._dwarf.iter_CUs() if self._dwarf else ():
            program = self._dwarf.line_program_for_CU(unit)
            files = _file_names(program) if program else {}
            for entry in program.get_entries() if program else ():
                state = entry.state
                if state is None:
                    continue
                place = None if state.end_sequence else Place(files.get(state.file, "?"), state.line)
                rows.append((state.address, place))
        rows.sort(key=lambda row: row[0])
        return [address for address, _ in rows], [place for _, place in rows]

    @functools.cached_property
    def _inlined(self) -> list[tuple[int, int, Place]]:
        """The stretches of code that were inlined, and the line that each was called from."""
        found = []
        for unit in self._dwarf.iter_CUs() if self._dwarf else ():
            program = self._dwarf.line_program_for_CU(unit)
            files = _file_names(program) if program else {}
            for entry in unit.iter_DIEs():
                if entry.tag != "DW_TAG_inlined_subroutine" or "DW_AT_call_line" not in entry.attributes:
                    continue
                call = entry.attributes
                caller = Place(files.get(call["DW_AT_call_file"].value, "?"), call["DW_AT_call_line"].value)
                found += [(low, high, caller) for low, high in _ranges(self._dwarf, unit, entry)]
        return found

    def _variables(self, kind: str) -> list[Variable]:
        table = self._elf.get_section_by_name(".symtab") if self._elf else None
        return [
            Variable(_demangled(symbol.name), symbol["st_value"], symbol["st_size"])
            for symbol in (table.iter_symbols() if table else ())
            if symbol["st_info"]["type"] == kind and symbol.name
        ]


def _variable_at(offset: int, variables: list[Variable]) -> Variable | None:
    for variable in variables:
        if variable.offset <= offset < variable.offset + max(variable.size, 1):
            return variable
    return None


def _ranges(dwarf: Any, unit: Any, entry: Any) -> list[tuple[int, int]]:
    """The addresses that a debugging entry covers."""
    attributes = entry.attributes
    base = unit.get_top_DIE().attributes.get("DW_AT_low_pc")
    if "DW_AT_low_pc" in attributes and "DW_AT_high_pc" in attributes:
        low, high = attributes["DW_AT_low_pc"].value, attributes["DW_AT_high_pc"]
        relative = not high.form.startswith("DW_FORM_addr")
        return [(low, low + high.value if relative else high.value)]
    if "DW_AT_ranges" not in attributes:
        return []
    from elftools.dwarf.ranges import BaseAddressEntry

    start = base.value if base else 0
    found = []
    lists = dwarf.range_lists()
    for item in lists.get_range_list_at_offset(attributes["DW_AT_ranges"].value, cu=unit):
        if isinstance(item, BaseAddressEntry):
            start = item.base_address
        else:
            offset = 0 if getattr(item, "is_absolute", False) else start
            found.append((item.begin_offset + offset, item.end_offset + offset))
    return found


def _file_names(program: Any) -> dict[int, str]:
    """The names of a line program's files by their numbers, which count from 0 since DWARF 5 and from 1 before."""
    first = 0 if program.header.version >= 5 else 1
    return {first + i: entry.name.decode() for i, entry in enumerate(program.header.file_entry)}


def _demangled(name: str) -> str:
    match = _MANGLED.match(name)
    if match is None:
        return name
    return match["rest"][: int(match["length"])]


def _is_ours(file: str) -> bool:
    """Whether a line is of the simulator's own headers: their names are not the user's.

    A debug table has them without a folder or with one, depending on the folder in which clang was run.
    """
    return Path(file).name in _own_names()


@functools.cache
def _own_names() -> frozenset[str]:
    return frozenset(path.name for path in RUNTIME.rglob("*") if path.is_file())
