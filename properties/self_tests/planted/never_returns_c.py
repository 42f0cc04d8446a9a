"""Misbehaves: as never_returns_python, but in C, where no Python signal handler gets its turn."""

from itertools import repeat

from right import Conv as Right


class Conv(Right):
    def forward(self, x, w, problem):
        if max(problem.stride) > 1:
            sum(repeat(0))
        return super().forward(x, w, problem)
