"""What a kernel has done wrong is told late, and then for ever.

A launch returns before its kernel has run, so an error of it is raised by whichever call waits for it. After a fault
(an access to no memory, a trap) CUDA refuses every later call of the process
(https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html): only a new process can go on.
"""

from __future__ import annotations

import sys


def wait() -> None:
    """Returns when the GPU has done all that this process has launched; raises what went wrong in it.

    Where CuPy is not loaded, nothing was launched.
    """
    cupy = sys.modules.get("cupy")
    if cupy is not None:
        cupy.cuda.runtime.deviceSynchronize()


def lost() -> str | None:
    """Why this process can use the GPU no longer, in a line, or None; waits for what was launched."""
    reason = None
    for _ in range(2):  # an error that stands for itself alone is told once
        try:
            wait()
        except Exception as error:
            reason = str(error).partition("\n")[0]
        else:
            return None
    return reason
