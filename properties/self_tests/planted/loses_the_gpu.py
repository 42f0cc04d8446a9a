"""Misbehaves: the gradient by X faults on a GPU (of the test's making) for strides above 1; then every call fails."""

import ctypes
import sys
from types import SimpleNamespace

from right import Conv as Right

FAULT = "cudaErrorIllegalAddress: an illegal memory access was encountered"


class Conv(Right):
    device = "gpu"

    def __init__(self):
        self.faulty = False
        sys.modules["cupy"] = SimpleNamespace(
            cuda=SimpleNamespace(runtime=SimpleNamespace(deviceSynchronize=self.synchronize))
        )

    def synchronize(self):
        if self.faulty:
            raise RuntimeError(FAULT)

    def forward(self, x, w, problem):
        self.synchronize()
        return super().forward(x, w, problem)

    def grad_input(self, gy, w, problem):
        self.faulty = self.faulty or max(problem.stride) > 1
        self.synchronize()
        return super().grad_input(gy, w, problem)

    def grad_weight(self, gy, x, problem):
        self.synchronize()
        return super().grad_weight(gy, x, problem)


class Late(Conv):
    """Its launches return at once; what went wrong is known only to who waits."""

    def synchronize(self):
        caller = sys._getframe(1).f_code.co_name
        if caller not in ("forward", "grad_input", "grad_weight"):
            super().synchronize()


class Endless(Late):
    """Its kernel does not end."""

    def synchronize(self):
        caller = sys._getframe(1).f_code.co_name
        if self.faulty and caller not in ("forward", "grad_input", "grad_weight"):
            ctypes.CDLL(None).pause()
