"""From what the runtime found to an exception that names the array, the element, the blocks and the threads."""

from __future__ import annotations

import math
import signal
from pathlib import Path
from typing import NamedTuple

from refconv_cuda.simulator import abi
from refconv_cuda.simulator.arguments import Arguments, Pointee
from refconv_cuda.simulator.errors import (
    Access,
    BarrierDivergence,
    Finding,
    KernelError,
    KernelTrap,
    OutOfBounds,
    Race,
    UninitialisedRead,
)
from refconv_cuda.simulator.memory import PAGE
from refconv_cuda.simulator.schedule import Schedule
from refconv_cuda.simulator.symbols import Image, Place

ANYWHERE = 2**64 - 1  # what the runtime says where the processor does not tell the address
STACK_KIB = 128  # of a thread, as in runtime/fiber.h


class _Where(NamedTuple):
    """A place in memory: the array's name, the element, and both in words."""

    array: str | None
    element: int | None
    words: str


def error(
    kernel: str, found: abi.Finding, arguments: Arguments, schedule: Schedule, image: Image | None
) -> KernelError:
    """The exception for a finding; its message ends with the schedule that showed it."""
    return _Describer(kernel, found, arguments, schedule, image).error()


class _Describer:
    def __init__(
        self, kernel: str, found: abi.Finding, arguments: Arguments, schedule: Schedule, image: Image | None
    ) -> None:
        self._kernel = kernel
        self._found = found
        self._arguments = arguments
        self._schedule = schedule
        self._image = image
        self._place = self._source(found.file, found.line, found.pc)
        self._other_place = self._source(found.other_file, found.other_line, found.other_pc)

    def error(self) -> KernelError:
        found, who = self._found, self._who()
        match found.kind:
            case abi.MEMORY_FAULT | abi.OUT_OF_BOUNDS:
                where = self._memory()
                noun = {0: "read", 1: "write", 2: "atomic"}.get(found.is_write, "access")
                return self._raise(OutOfBounds, f"out-of-bounds {noun}", f"{who} {self._verb()} {where.words}", where)
            case abi.CANARY:
                where = _element(found.address, self._arguments.pointees[found.region])
                return self._raise(
                    OutOfBounds, "out-of-bounds write", f"some thread wrote {where.words}", where, by=False
                )
            case abi.MISALIGNED:
                where = self._memory()
                what = f"{found.message.decode()}" if found.message else f"{found.size} bytes"
                text = f"{who} accesses {what} at an address that is no multiple of {found.size}"
                text += f": {where.words}" if where.array else ""
                return self._raise(OutOfBounds, "misaligned access", text, where)
            case abi.READ_ONLY:
                where = self._memory()
                text = f"{who} {self._verb()} {where.words}, which is read-only"
                return self._raise(OutOfBounds, "write to a read-only array", text, where)
            case abi.INDEX_OUT_OF_BOUNDS:
                index = found.address if found.address < 2**63 else found.address - 2**64
                text = f"{who} uses index {index} of the type {(found.message or b'?').decode()}"
                return self._raise(OutOfBounds, "index out of bounds", text)
            case abi.UNINITIALISED:
                where = self._memory()
                kind = f"uninitialised {self._space()} memory"
                return self._raise(UninitialisedRead, kind, f"{who} {self._verb()} {where.words}, never written", where)
            case abi.RACE:
                return self._race()
            case abi.MEETS_COPY | abi.RACES_COPY:
                return self._race_with_copy()
            case abi.COPY_SPACE:
                where = self._memory()
                what = f"copies to {where.words}" if found.is_write else f"copies from {where.words}"
                text = f"{who} {what}, but cp.async copies from global to shared memory only"
                return self._raise(OutOfBounds, "asynchronous copy of the wrong memory", text, where)
            case abi.STACK_OVERFLOW:
                text = f"{who} overflows its stack: endless recursion, or local arrays beyond {STACK_KIB} KiB"
                return self._raise(KernelTrap, "stack overflow", text)
            case abi.ARITHMETIC_FAULT:
                text = f"{who} divides an integer by zero, or the smallest integer by -1"
                return self._raise(KernelTrap, "division by zero", text)
            case abi.TRAP if found.message:
                return self._raise(KernelTrap, "trap", f"{who} stops at {found.message.decode()}")
            case abi.TRAP:
                text = f"{who} executes an illegal instruction: the compiler's word for undefined behaviour"
                return self._raise(KernelTrap, "trap", text)
            case abi.ENDLESS:
                text = f"{who} is still running when the launch's budget of memory accesses is used up"
                return self._raise(KernelTrap, "endless loop", text)
            case abi.INTERRUPTED:
                names = [number.name for number in signal.Signals if found.signals >> number & 1]
                text = f"{who} was interrupted by {' and '.join(names)}"
                return self._raise(KernelError, "interrupted", text)
            case abi.OUT_OF_MEMORY:
                text = "there is no memory for the threads' stacks, the checker, or the order of the blocks"
                return self._raise(KernelError, "out of memory", text, by=False)
        return self._synchronisation()

    def _synchronisation(self) -> KernelError:
        found, here = self._found, f"in block {self._found.block}, thread {self._found.thread}"
        there = f"thread {found.other_thread}"
        elsewhere = f"waits in {_text(self._other_place)}"
        match found.kind:
            case abi.BARRIER_MISMATCH:
                kind, text = "divergent barrier", f"{here} waits at this barrier while {there} {elsewhere}"
            case abi.BARRIER_DESERTED:
                kind, text = "deserted barrier", f"{here} waits at this barrier, but {there} has left the kernel"
            case abi.WARP_MASK:
                kind, text = "wrong mask", f"{here} calls a warp primitive with a mask that does not name its own lane"
            case abi.WARP_DIVERGED:
                kind = "divergent warp"
                text = f"{here} calls a warp primitive whose mask names {there}, which {elsewhere}"
            case abi.WARP_DESERTED:
                kind = "deserted warp"
                text = f"{here} calls a warp primitive whose mask names {there}, which has left the kernel"
            case abi.UNDEFINED_LANE:
                kind = "undefined lane"
                text = f"{here} shuffles from lane {found.address}, which takes no part"
            case _:
                raise AssertionError(f"unknown finding {found.kind}")
        return self._raise(BarrierDivergence, kind, text)

    def _race(self) -> KernelError:
        found, where = self._found, self._memory()
        other_verb = {0: "has read", 1: "has written", 2: "has atomically updated"}[found.other_is_write]
        same_block = tuple(found.block) == tuple(found.other_block)
        other_who = f"thread {found.other_thread}" + ("" if same_block else f" of block {found.other_block}")
        line = f" in {_text(self._other_place)}" if self._other_place else ""
        text = (
            f"{self._who()} {self._verb()} {where.words}, which {other_who} {other_verb}{line}; nothing orders the two"
        )
        return self._raise(Race, f"race in {self._space()} memory", text, where)

    def _race_with_copy(self) -> KernelError:
        found, where = self._found, self._memory()
        which = "to which" if found.other_is_write else "from which"
        is_own = tuple(found.thread) == tuple(found.other_thread)
        whose = "its own cp.async" if is_own else f"a cp.async of thread {found.other_thread}"
        end = f": {'it' if is_own else 'that thread'} has not waited for it"
        if found.kind == abi.RACES_COPY:
            end = "; nothing orders the two"
        place = _text(self._other_place)
        text = f"{self._who()} {self._verb()} {where.words}, {which} {whose} in {place} may still be copying{end}"
        return self._raise(Race, "race with an asynchronous copy", text, where)

    def _raise(
        self, exception: type[KernelError], kind: str, text: str, where: _Where | None = None, *, by: bool = True
    ) -> KernelError:
        found = self._found
        file, line = self._place or (None, None)
        access = other = None
        if by:
            verb = abi.ACCESSES.get(found.is_write, "accesses")
            access = Access(verb, _triple(found.block), _triple(found.thread), file, line)
        if found.has_other:
            other_file, other_line = self._other_place or (None, None)
            verb = abi.ACCESSES.get(found.other_is_write, "accesses")
            other = Access(verb, _triple(found.other_block), _triple(found.other_thread), other_file, other_line)
        array, element = (where.array, where.element) if where else (None, None)
        head = f"{_text(self._place)}: " if self._place else ""
        message = f"{head}{kind} in {self._kernel}: {text} [{self._schedule}]"
        return exception(message, Finding(kind, file, line, array, element, access, other))

    def _who(self) -> str:
        return f"thread {self._found.thread} of block {self._found.block}"

    def _verb(self) -> str:
        return abi.ACCESSES.get(self._found.is_write, "accesses")

    def _space(self) -> str:
        return "shared" if self._found.region == abi.SHARED_REGION else "global"

    def _memory(self) -> _Where:
        found = self._found
        if found.region == abi.SHARED_REGION:
            return self._variable("shared")
        if found.region == abi.MODULE_REGION:
            return self._variable("global")
        for pointee in self._arguments.pointees:
            if pointee.fence.first - PAGE <= found.address < pointee.fence.last + PAGE:
                return _element(found.address, pointee)
        if found.address == ANYWHERE:
            return _Where(None, None, "an address that no memory can have")
        if found.address < PAGE:
            return _Where(None, None, f"through a null pointer (address {found.address:#x})")
        return _Where(None, None, f"address {found.address:#x}, which is in or near none of its arrays")

    def _variable(self, space: str) -> _Where:
        """A ``__shared__`` variable, or one of the module's own."""
        offset, size = self._found.offset, max(self._found.size, 1)
        offset -= 2**64 if offset >= 2**63 else 0  # before the memory's beginning
        variable = None
        if self._image:
            of = self._image.shared_variable if space == "shared" else self._image.module_variable
            variable = of(offset)
        if variable is None:
            return _Where(f"{space} memory", offset // size, f"byte {offset} of {space} memory, in no variable")
        element = (offset - variable.offset) // size
        words = f"element {element} of {space} '{variable.name}' (in units of {size} bytes)"
        return _Where(variable.name, element, words)

    def _source(self, file: bytes | None, line: int, address: int) -> Place | None:
        if file is not None:
            return Place(file.decode(), line)
        if address and self._image:
            return self._image.place(address)
        return None


def _element(address: int, pointee: Pointee) -> _Where:
    array = pointee.array
    start = array.__array_interface__["data"][0]
    element = (address - start) // array.itemsize
    size = math.prod(array.shape)
    there = f"whose elements are 0 to {size - 1}" if size else "which has no elements"
    words = f"element {element} of '{pointee.parameter}', {there} ({array.dtype}, shape {array.shape})"
    return _Where(pointee.name, element, words)


def _triple(index: abi.Index) -> tuple[int, int, int]:
    return (index.x, index.y, index.z)


def _text(place: Place | None) -> str:
    return f"{Path(place.file).name}:{place.line}" if place else "an unknown line"
