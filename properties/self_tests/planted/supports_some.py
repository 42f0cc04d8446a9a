"""Right, for the problems that it supports: those of stride 1."""

from right import Conv as Right


class Conv(Right):
    def supports(self, problem):
        return max(problem.stride) == 1 or "stride above 1"

    def forward(self, x, w, problem):
        assert max(problem.stride) == 1
        return super().forward(x, w, problem)
