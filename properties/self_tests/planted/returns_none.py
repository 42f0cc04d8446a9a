"""Misbehaves: the forward pass forgets to return its result."""

from right import Conv as Right


class Conv(Right):
    def forward(self, x, w, problem):
        super().forward(x, w, problem)
