"""Misbehaves: the gradient by X reads address 0 for strides above 1."""

import ctypes

from right import Conv as Right


class Conv(Right):
    def grad_input(self, gy, w, problem):
        if max(problem.stride) > 1:
            ctypes.string_at(0)
        return super().grad_input(gy, w, problem)
