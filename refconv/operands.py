"""What the formulas accept as an operand, and how they refuse the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def checked(name: str, value: object, shape: tuple[int, ...]) -> Array:
    """``value`` as an array of exactly this shape, holding real numbers.

    Raises ``TypeError`` or ``ValueError`` naming the argument, what it is and what it must be.
    """
    array = np.asarray(value)
    # Kind V without fields is an extension float such as bfloat16; O holds Python ints or Fractions.
    if array.dtype.kind not in "iufOV" or array.dtype.fields is not None:
        raise TypeError(f"{name} has dtype {array.dtype}, but must hold integers or real floats")
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, but the problem needs {shape}")
    return array


def rounded(result: Array, dtype: np.dtype[Any]) -> Array:
    """A sum in the dtype of its operands: floats are rounded once, and integers must fit, else ``OverflowError``."""
    if dtype.kind in "iu" and result.size:
        least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
        if not (least <= result.min() and result.max() <= most):
            raise OverflowError(f"a sum between {result.min()} and {result.max()} does not fit {dtype}")
    return result.astype(dtype)


def accumulator(*operands: Array) -> np.dtype[Any]:
    """The dtype in which the vectorised formulas add: int64 or uint64, float64, or Python objects."""
    kinds = {operand.dtype.kind for operand in operands}
    if "O" in kinds:
        return np.dtype(object)
    if kinds == {"u"}:
        return np.dtype(np.uint64)
    if kinds <= {"i", "u"}:
        return np.dtype(np.int64)
    return np.dtype(np.float64)
