"""Precisions by name: what each is stored in.

TF32 is float32 in memory, of which the tensor cores read 11 significand bits, so a name is needed beside the dtype.
"""

from __future__ import annotations

from typing import Any

import numpy as np

NAMES = ("float64", "float32", "tf32", "float16", "bfloat16")
_STORED = {"tf32": "float32"}


def storage(name: str) -> np.dtype[Any]:
    """The dtype of the arrays. Raises ``ValueError`` for another name, or where ml_dtypes is missing."""
    if name not in NAMES:
        raise ValueError(f"dtype {name!r} must be one of {', '.join(NAMES)}")
    if name == "bfloat16":
        try:
            import ml_dtypes
        except ImportError:
            raise ValueError("dtype bfloat16 needs a package that adds it to NumPy: pip install ml_dtypes") from None
        found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        return found
    return np.dtype(_STORED.get(name, name))
