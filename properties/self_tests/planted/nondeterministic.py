"""Misbehaves: the forward pass adds 1 in each second call."""

from right import Conv as Right


class Conv(Right):
    calls = 0

    def forward(self, x, w, problem):
        self.calls += 1
        return super().forward(x, w, problem) + self.calls % 2
