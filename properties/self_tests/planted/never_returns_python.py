"""Misbehaves: the forward pass does not return for strides above 1."""

from right import Conv as Right


class Conv(Right):
    def forward(self, x, w, problem):
        while max(problem.stride) > 1:
            pass
        return super().forward(x, w, problem)
