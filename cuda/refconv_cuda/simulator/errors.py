"""What the simulator raises. Each message is a sentence that says what is wrong, where, and by which thread."""

from __future__ import annotations

from dataclasses import dataclass


class SimulatorError(Exception):
    """Anything that the simulator has to say."""


class CompilerMissing(SimulatorError):
    """There is no C++ compiler to build kernels with."""


class CompileError(SimulatorError):
    """The compiler refused the kernel, or it uses what is not simulated; the message has the .cu file's lines."""


Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Access:
    """One access to memory: its verb ("reads", "writes", "atomically updates"), by whom, and where in the source."""

    verb: str
    block: Triple
    thread: Triple
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True)
class Finding:
    """What a launch was stopped for.

    kind: a few words, always the same for the same kind of fault. file, line: where in the source. array, element:
    what was touched; the parameter's or the shared variable's name, and the index in units of the access. access and
    other: who did it, and who else, where two are needed.
    """

    kind: str
    file: str | None = None
    line: int | None = None
    array: str | None = None
    element: int | None = None
    access: Access | None = None
    other: Access | None = None


class KernelError(SimulatorError):
    """A launch that went wrong. The launch is over, the process lives on. `finding` has the parts of the message."""

    tool = "launch"  # the tool of compute-sanitizer that looks for such things

    def __init__(self, message: str, finding: Finding) -> None:
        super().__init__(message)
        self.finding = finding

    @property
    def kind(self) -> str:
        """The finding's kind."""
        return self.finding.kind

    def __reduce__(self) -> tuple[type[KernelError], tuple[str, Finding]]:
        return type(self), (str(self), self.finding)


class OutOfBounds(KernelError):
    """An access outside every array, beside an alignment, against an array's read-only flag, or of the wrong memory."""

    tool = "memcheck"


class Race(KernelError):
    """Two threads access the same memory, one of them to write, and nothing orders them.

    One of the two may be a `cp.async` that its thread has not waited for, and the other the same thread.
    """

    tool = "racecheck"


class UninitialisedRead(KernelError):
    """A read of memory that nobody has written."""

    tool = "initcheck"


class BarrierDivergence(KernelError):
    """Threads did not all come to the same barrier, or lanes not to the same warp primitive."""

    tool = "synccheck"


class KernelTrap(KernelError):
    """The kernel stopped itself, or had to be: ``__trap``, ``assert``, a division by zero, a stack that overflowed."""

    tool = "memcheck"
