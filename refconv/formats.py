"""Number formats: how many significand bits an operand is stored in, and how many a sum is kept in.

A format is named by its dtype. float16 and bfloat16 are storage: the convolutions of this field add their
products in float32, and that is what we hold them to. The bits include the implicit leading one; the unit
roundoff of round-to-nearest is u = 2^-t.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Format:
    """What matters of a dtype: ``stored`` significand bits, ``accumulated`` significand bits (0 for integers)."""

    name: str
    stored: int
    accumulated: int

    @property
    def largest_operand(self) -> int:
        """The largest M such that every integer of magnitude up to M is stored exactly."""
        return 2**self.stored if self.accumulated else int(np.iinfo(self.name).max)

    @property
    def largest_sum(self) -> int:
        """The largest S such that sums of integers are exact while no partial sum exceeds S."""
        return 2**self.accumulated if self.accumulated else int(np.iinfo(self.name).max)

    @property
    def unit_roundoff(self) -> Fraction:
        """U of the accumulator: 2^-t, as an exact fraction; 0 for integers."""
        return Fraction(1, 2**self.accumulated) if self.accumulated else Fraction(0)


_FLOATS = {
    "float64": Format("float64", 53, 53),
    "float32": Format("float32", 24, 24),
    "float16": Format("float16", 11, 24),
    "bfloat16": Format("bfloat16", 8, 24),
}


def format_of(dtype: npt.DTypeLike | str) -> Format:
    """The `Format` of a dtype or of its name. Raises ``ValueError`` for one that has none."""
    name: str | Any = dtype if dtype == "bfloat16" else np.dtype(dtype).name
    if name in _FLOATS:
        return _FLOATS[name]
    if np.dtype(name).kind in "iu":
        return Format(name, 0, 0)
    raise ValueError(f"dtype = {name} must be an integer or one of {', '.join(_FLOATS)}")
