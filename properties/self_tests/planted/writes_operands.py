"""Misbehaves: the forward pass scales W where it lies."""

from right import Conv as Right


class Conv(Right):
    def forward(self, x, w, problem):
        w *= 2
        return super().forward(x, w, problem) / 2
