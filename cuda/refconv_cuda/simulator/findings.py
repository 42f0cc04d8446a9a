"""From what the runtime found to an exception that names the array, the element, the block and the thread."""

from __future__ import annotations

import math
import signal
from pathlib import Path

from refconv_cuda.simulator import abi
from refconv_cuda.simulator.arguments import Arguments, Pointee
from refconv_cuda.simulator.errors import BarrierDivergence, KernelError, KernelTrap, OutOfBounds
from refconv_cuda.simulator.memory import PAGE
from refconv_cuda.simulator.schedule import Schedule


def error(kernel: str, finding: abi.Finding, arguments: Arguments, schedule: Schedule) -> KernelError:
    """The exception for a finding; its message ends with the schedule that showed it."""
    kind, text = _sentence(finding, arguments)
    return kind(f"{kernel}: {text} [{schedule}]")


def _sentence(finding: abi.Finding, arguments: Arguments) -> tuple[type[KernelError], str]:
    who = f"thread {finding.thread} of block {finding.block}"
    match finding.kind:
        case abi.MEMORY_FAULT:
            verb = {0: "reads", 1: "writes"}.get(finding.is_write, "accesses")
            return OutOfBounds, f"{who} {verb} {_place(finding.address, arguments)}"
        case abi.CANARY:
            pointee = arguments.pointees[finding.region]
            return OutOfBounds, f"some thread wrote {_beside(finding.address, pointee)}"
        case abi.BARRIER_MISMATCH:
            return BarrierDivergence, (
                f"in block {finding.block}, thread {finding.thread} waits at the barrier in "
                f"{_line(finding.file, finding.line)} while thread {finding.other_thread} waits at that in "
                f"{_line(finding.other_file, finding.other_line)}"
            )
        case abi.BARRIER_DESERTED:
            return BarrierDivergence, (
                f"in block {finding.block}, thread {finding.thread} waits at the barrier in "
                f"{_line(finding.file, finding.line)}, but thread {finding.other_thread} has left the kernel"
            )
        case abi.STACK_OVERFLOW:
            return KernelTrap, f"{who} overflows its stack: endless recursion, or local arrays beyond 128 KiB"
        case abi.ARITHMETIC_FAULT:
            return KernelTrap, f"{who} divides an integer by zero, or the smallest integer by -1"
        case abi.TRAP if finding.message:
            where = _line(finding.file, finding.line)
            return KernelTrap, f"{who} stops at {finding.message.decode()} in {where}"
        case abi.TRAP:
            return KernelTrap, f"{who} executes an illegal instruction: the compiler's word for undefined behaviour"
        case abi.INTERRUPTED:
            return KernelError, f"{who} was interrupted by {signal.Signals(finding.signal).name}"
        case abi.OUT_OF_MEMORY:
            return KernelError, "there is no memory for the threads' stacks or for the order of the blocks"
    raise AssertionError(f"unknown finding {finding.kind}")


def _place(address: int, arguments: Arguments) -> str:
    """The array whose fence the address hit, else the address itself."""
    for pointee in arguments.pointees:
        if pointee.fence.first - PAGE <= address < pointee.fence.last + PAGE:
            return _beside(address, pointee)
    if address < PAGE:
        return f"through a null pointer (address {address:#x})"
    return f"address {address:#x}, which is in or near none of its arrays"


def _beside(address: int, pointee: Pointee) -> str:
    array = pointee.array
    start = array.__array_interface__["data"][0]
    element = (address - start) // array.itemsize
    last = math.prod(array.shape) - 1
    return (
        f"element {element} of '{pointee.parameter}', whose elements are 0 to {last} "
        f"({array.dtype}, shape {array.shape})"
    )


def _line(file: bytes | None, line: int) -> str:
    return f"{Path((file or b'?').decode()).name}:{line}"
