"""Number formats: what an operand is multiplied as, what a sum is kept in, what a result is stored in.

A format is named as people name it: float64, float32, tf32, float16, bfloat16, or an integer dtype. Three of them are
what tensor cores compute in, and the convolutions of this field add their products in float32, which is what we hold
them to: tf32 is stored in float32 and rounded to 11 bits when it is multiplied; float16 and bfloat16 are storage alone.
So float32 means strict float32, and an array's dtype alone does not tell the two apart.

The bits include the implicit leading one; the unit roundoff of round-to-nearest is u = 2^-t.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Format:
    """A number format.

    multiplied, accumulated, stored: significand bits of an operand where it is multiplied, of a sum, and of an array's
    element (0 for integers). storage: the name of the arrays' dtype. largest: the largest finite value, where that is a
    limit. tensor_cores: whether sums may be a tensor core's, which are truncated (see `refconv.rounding`).
    """

    name: str
    multiplied: int
    accumulated: int
    stored: int
    storage: str
    largest: int | None = None
    tensor_cores: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of its arrays. Raises ``ValueError`` where NumPy lacks it: bfloat16 comes from ml_dtypes."""
        if self.storage == "bfloat16":
            try:
                import ml_dtypes
            except ImportError:
                raise ValueError(
                    f"{self} arrays need ml_dtypes, which adds them to NumPy: pip install ml_dtypes"
                ) from None
            added: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
            return added
        return np.dtype(self.storage)

    @property
    def itemsize(self) -> int:
        """Bytes of an array's element; also where NumPy lacks the dtype."""
        return 2 if self.storage == "bfloat16" else self.dtype.itemsize

    @property
    def rounds(self) -> bool:
        """Whether it is a format of floating-point numbers."""
        return self.accumulated > 0

    @property
    def largest_operand(self) -> int:
        """The largest M such that every integer of magnitude up to M is multiplied as it is."""
        return 2**self.multiplied if self.rounds else self._largest_integer

    @property
    def largest_result(self) -> int:
        """The largest S such that every integer of magnitude up to S is stored as it is."""
        return 2**self.stored if self.rounds else self._largest_integer

    @property
    def largest_sum(self) -> int:
        """The largest S such that sums of integers are exact, and finite once stored, while none exceeds S."""
        if not self.rounds:
            return self._largest_integer
        limit: int = 2**self.accumulated
        return limit if self.largest is None else min(limit, self.largest)

    @property
    def _largest_integer(self) -> int:
        return int(np.iinfo(self.storage).max)


FormatLike: TypeAlias = "Format | npt.DTypeLike"

FLOATS = {
    form.name: form
    for form in (
        Format("float64", 53, 53, 53, "float64"),
        Format("float32", 24, 24, 24, "float32"),
        Format("tf32", 11, 24, 24, "float32", tensor_cores=True),
        Format("float16", 11, 24, 11, "float16", largest=65504, tensor_cores=True),
        Format("bfloat16", 8, 24, 8, "bfloat16", tensor_cores=True),
    )
}


def format_of(format_: FormatLike) -> Format:
    """The `Format` of that name or of that dtype, or itself. Raises ``ValueError`` for what is none."""
    if isinstance(format_, Format):
        return format_
    if isinstance(format_, str) and format_ in FLOATS:
        return FLOATS[format_]  # by name, whether or not something has added bfloat16 to NumPy
    try:
        known = np.dtype(format_)
    except TypeError:
        raise ValueError(f"dtype = {format_!r} is no dtype") from None
    if known.name in FLOATS:
        return FLOATS[known.name]
    if known.kind in "iu":
        return Format(known.name, 0, 0, 0, known.name)
    raise ValueError(f"dtype = {known} must be an integer or one of {', '.join(FLOATS)}")
