"""How a law says that it is broken: the first wrong element, both values, and how many there are."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class LawBroken(AssertionError):
    """The implementation broke a law; the message is what the user reads."""


class NotApplicable(Exception):
    """The law says nothing about this example, which then does not count; the message, if any, says why."""


class TimeLimitExceeded(BaseException):
    """A call that did not return in time.

    Not an ``Exception``, so that neither an implementation's own handlers nor Hypothesis's shrinking, which would
    wait for it again and again, swallow it.
    """


def only_if(condition: object, reason: str = "") -> None:
    """Ends an example about which the law says nothing unless ``condition`` holds."""
    if not condition:
        raise NotApplicable(reason)


def equal(actual: Array, expected: Array, name: str, source: str) -> None:
    """Raises `LawBroken` unless both arrays are equal, element by element; a NaN equals nothing.

    name: of the result, as in "Y"; source: what the expected values come from, as in "the index sum".
    """
    if actual.shape != expected.shape:
        raise LawBroken(f"{name} has shape {actual.shape}, but {source} gives {expected.shape}")
    wrong = ~(actual == expected)
    if not wrong.any():
        return
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    raise LawBroken(
        f"{element(name, index)} = {number(actual[index])}, but {source} gives {number(expected[index])}"
        f"{_how_many(int(wrong.sum()), wrong.size)}"
    )


def identical(actual: Array, expected: Array, name: str, circumstances: str) -> None:
    """Raises `LawBroken` unless both arrays are the same bit for bit; NaNs may be equal here, and zeros differ in sign.

    circumstances: under which ``actual`` was computed, as in "at the second call".
    """
    a, b = np.ascontiguousarray(actual), np.ascontiguousarray(expected)
    if a.tobytes() == b.tobytes():
        return
    bits = f"u{a.itemsize}"
    wrong = a.view(bits) != b.view(bits)
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    raise LawBroken(
        f"{element(name, index)} was {number(b[index])}, but is {number(a[index])} {circumstances}"
        f"{_how_many(int(wrong.sum()), wrong.size)}"
    )


def dot(a: Array, b: Array, name: str) -> int | Fraction:
    """<a, b>, exactly. Raises `LawBroken` where ``a``, called ``name``, holds a NaN or an infinity."""
    if _fits_int64(a, b):
        return int(a.ravel().astype(np.int64) @ b.ravel().astype(np.int64))
    total: int | Fraction = 0
    for index, (left, right) in enumerate(zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)):
        if not math.isfinite(left):
            place = tuple(int(i) for i in np.unravel_index(index, a.shape))
            raise LawBroken(f"{element(name, place)} = {number(left)}, though every operand is a small integer")
        total += (int(left) if left == int(left) else Fraction(left)) * int(right)
    return total


def _fits_int64(a: Array, b: Array) -> bool:
    """Whether both hold integers so small that no partial sum of their products leaves int64."""
    largest = [float(np.abs(array).max(initial=0)) for array in (a, b)]
    if not a.size * largest[0] * largest[1] < 2**62:  # a NaN is not
        return False
    return all(array.dtype.kind in "iu" or bool((array == np.rint(array)).all()) for array in (a, b))


def element(name: str, index: tuple[int, ...]) -> str:
    """``Y[0,1,1,0]``."""
    return f"{name}[{','.join(map(str, index))}]"


def number(value: Any) -> str:
    """A number as briefly as it can be told exactly: 7, not 7.0."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and math.isfinite(value) and value == int(value) and abs(value) < 1e16:
        return str(int(value)) if value or math.copysign(1, value) > 0 else "-0.0"
    return str(value)


def _how_many(wrong: int, size: int) -> str:
    return "" if size == 1 else f" ({wrong} of {size} elements differ)"
