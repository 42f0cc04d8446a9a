"""Misbehaves: the forward pass returns float64 for whatever it is given."""

from right import Conv as Right


class Conv(Right):
    def forward(self, x, w, problem):
        return super().forward(x, w, problem).astype("float64")
