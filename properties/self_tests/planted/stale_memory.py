"""Planted: dX where no window reaches is whatever memory held."""

import numpy as np
from right import Conv as Right


class Conv(Right):
    def grad_input(self, gy, w, problem):
        gx = np.empty(problem.x_shape, gy.dtype)
        reached = super().grad_input(np.ones_like(gy), np.ones_like(w), problem) != 0
        np.copyto(gx, super().grad_input(gy, w, problem), where=reached)
        return gx
