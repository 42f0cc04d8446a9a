"""Misbehaves: it supports no problem, and says why."""

from right import Conv as Right


class Conv(Right):
    def supports(self, problem):
        return "the moon is not full"
