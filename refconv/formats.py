"""Number formats: how many significand bits an operand is stored in, and how many a sum is kept in.

A format is named by its dtype. float16 and bfloat16 are storage: the convolutions of this field add their
products in float32, and that is what we hold them to. The bits include the implicit leading one; the unit
roundoff of round-to-nearest is u = 2^-t.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Format:
    """What matters of a dtype.

    stored, accumulated: significand bits of an operand or result, and of a sum (0 for integers). largest: the largest
    finite value, where that is a limit.
    """

    name: str
    stored: int
    accumulated: int
    largest: int | None = None

    @property
    def largest_operand(self) -> int:
        """The largest M such that every integer of magnitude up to M is stored exactly."""
        return 2**self.stored if self.accumulated else int(np.iinfo(self.name).max)

    @property
    def largest_sum(self) -> int:
        """The largest S such that sums of integers are exact, and finite once stored, while none exceeds S."""
        if not self.accumulated:
            return int(np.iinfo(self.name).max)
        limit: int = 2**self.accumulated
        return limit if self.largest is None else min(limit, self.largest)

    @property
    def unit_roundoff(self) -> Fraction:
        """U of the accumulator: 2^-t, as an exact fraction; 0 for integers."""
        return Fraction(1, 2**self.accumulated) if self.accumulated else Fraction(0)


_FLOATS = {
    "float64": Format("float64", 53, 53),
    "float32": Format("float32", 24, 24),
    "float16": Format("float16", 11, 24, largest=65504),
    "bfloat16": Format("bfloat16", 8, 24),
}


def format_of(dtype: npt.DTypeLike | str) -> Format:
    """The `Format` of a dtype or of its name. Raises ``ValueError`` for one that has none."""
    if isinstance(dtype, str) and dtype in _FLOATS:
        return _FLOATS[dtype]  # bfloat16 is known by name, whether or not something has registered it with NumPy
    try:
        known = np.dtype(dtype)
    except TypeError:
        raise ValueError(f"dtype = {dtype!r} is no dtype") from None
    if known.name in _FLOATS:
        return _FLOATS[known.name]
    if known.kind in "iu":
        return Format(known.name, 0, 0)
    raise ValueError(f"dtype = {known} must be an integer or one of {', '.join(_FLOATS)}")
