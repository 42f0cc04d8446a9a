"""Misbehaves: the forward pass leaves by exit for strides above 1, from Python or, as CUDA_CHECK macros do, from C."""

import ctypes
import sys

from right import Conv as Right


class FromPython(Right):
    def forward(self, x, w, problem):
        if max(problem.stride) > 1:
            sys.exit(3)
        return super().forward(x, w, problem)


class FromC(Right):
    def forward(self, x, w, problem):
        if max(problem.stride) > 1:
            ctypes.CDLL(None).exit(1)
        return super().forward(x, w, problem)
