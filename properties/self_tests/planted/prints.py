"""Misbehaves, though right: it writes to standard output and error, through Python and past it."""

import os
import sys

from right import Conv as Right


class Conv(Right):
    def forward(self, x, w, problem):
        print("noise", problem)
        print("noise", problem, file=sys.stderr)
        os.write(1, b"noise\n" * 1000)
        os.write(2, b"noise\n" * 1000)
        return super().forward(x, w, problem)
