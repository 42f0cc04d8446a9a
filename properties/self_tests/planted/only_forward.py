"""Right, and offers the forward pass only."""

from right import Conv as Right


class Conv:
    def forward(self, x, w, problem):
        return Right().forward(x, w, problem)
