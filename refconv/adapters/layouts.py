"""From refconv's layouts to those of most frameworks, and back: NHWC and HWIO, NCHW and OIHW.

Every function returns a C-contiguous copy of its argument's values that nothing else refers to. So an operand may be
any view, and what a framework keeps, writes to, or returns without the right to write to it, is not the caller's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from refconv.operands import Array


def nchw(x: Array) -> Array:
    """``[batch, height, width, channel]`` as ``[batch, channel, height, width]``."""
    return np.array(x.transpose(0, 3, 1, 2), order="C")


def oihw(w: Array) -> Array:
    """``[row, column, input, output]`` as ``[output, input, row, column]``."""
    return np.array(w.transpose(3, 2, 0, 1), order="C")


def from_nchw(x: Any) -> Array:
    """The inverse of `nchw`, of anything that NumPy takes for an array."""
    return np.array(np.asarray(x).transpose(0, 2, 3, 1), order="C")


def from_oihw(w: Any) -> Array:
    """The inverse of `oihw`, of anything that NumPy takes for an array."""
    return np.array(np.asarray(w).transpose(2, 3, 1, 0), order="C")
