"""The simulator: unmodified CUDA C on a CPU, in milliseconds, under schedules of one's choice.

`RawModule` and `RawKernel` have the shape of CuPy's, so code that uses those runs here by changing an import. What a
GPU would leave undefined or unnoticed (an access beside an array, a divergent barrier, a stale read of
uninitialised memory, a race that another order of threads would show) becomes an exception or a changed result.
"""

from refconv_cuda.simulator.errors import (
    BarrierDivergence,
    CompileError,
    CompilerMissing,
    KernelError,
    KernelTrap,
    OutOfBounds,
    Race,
    SimulatorError,
    UninitialisedRead,
)
from refconv_cuda.simulator.memory import asarray, asnumpy, copy, empty, empty_like, zeros, zeros_like
from refconv_cuda.simulator.module import RawKernel, RawModule
from refconv_cuda.simulator.schedule import Schedule, checked, scheduled

__all__ = [
    "BarrierDivergence",
    "CompileError",
    "CompilerMissing",
    "KernelError",
    "KernelTrap",
    "OutOfBounds",
    "Race",
    "RawKernel",
    "RawModule",
    "Schedule",
    "SimulatorError",
    "UninitialisedRead",
    "asarray",
    "asnumpy",
    "checked",
    "copy",
    "empty",
    "empty_like",
    "scheduled",
    "zeros",
    "zeros_like",
]
