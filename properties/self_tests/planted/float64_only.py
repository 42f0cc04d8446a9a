"""Right, and takes float64 only."""

from right import Conv as Right


class Conv(Right):
    dtypes = ("float64",)
