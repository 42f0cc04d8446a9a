"""What the simulator raises. Each message is a sentence that says what is wrong, where, and by which thread."""

from __future__ import annotations


class SimulatorError(Exception):
    """Anything that the simulator has to say."""


class CompilerMissing(SimulatorError):
    """There is no C++ compiler to build kernels with."""


class CompileError(SimulatorError):
    """The compiler refused the kernel; the message is its own, with the .cu file's lines."""


class KernelError(SimulatorError):
    """A launch that went wrong. The launch is over, the process lives on."""


class OutOfBounds(KernelError):
    """A read or write outside every array, or a write right beside one."""


class BarrierDivergence(KernelError):
    """The threads of a block did not all come to the same ``__syncthreads``."""


class KernelTrap(KernelError):
    """``__trap``, a failed ``assert``, a division by zero, or a stack that overflowed."""
