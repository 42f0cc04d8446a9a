"""Which products an implementation adds up for one element of its result, read off by what it does.

Its result at one place is a bilinear form, sum_{a,b} T[a,b] first[a] second[b], and the formula's T is known: every
coefficient is 0 or 1. Random integers on a range of ``first`` show whether T differs from it there; halving the range
finds each ``a`` that has a wrong term in about log2(size) calls. A one-hot ``first`` at that ``a``, with the digits of
its own index in each element of ``second``, then spells out which ``b`` it meets. So the number of calls grows with the
number of wrong terms, not with the problem.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from refconv.exact import integers, largest_magnitude
from refconv.formats import FormatLike, format_of
from refconv.operands import Array
from refconv.problem import Operator, Problem

Call = Callable[[Operator, Array, Array, Problem], Array]
Index = tuple[int, ...]
Term = tuple[int, int]  # flat indices into the two operands, in the contract's order

SEED = 20061  # of the probes: any one does
MANY = 400  # wrong terms: more are not looked for


class Exhausted(Exception):
    """The time for looking is up, or the implementation no longer answers; the message says which."""


def formula(operator: Operator, index: Index, problem: Problem) -> tuple[Array, Array]:
    """The terms of one element of the result: flat indices into ``first``, ascending, and into ``second``.

    Those of `refconv.index_sum`: each pair is one product of the sum.
    """
    (s_h, s_w), (d_h, d_w), (a_h, a_w) = problem.stride, problem.dilation, problem.kernel
    top, _, left, _ = problem.padding
    inputs, outputs = problem.c_in_per_group, problem.c_out_per_group
    if operator == "forward":
        i, j, k, l = index
        m, n, p = (axis.ravel() for axis in np.indices((a_h, a_w, inputs)))
        u, v, q = j * s_h + m * d_h - top, k * s_w + n * d_w - left, l // outputs * inputs + p
        inside = (u >= 0) & (u < problem.height) & (v >= 0) & (v < problem.width)
        pairs = (_flat((i, u, v, q), problem.x_shape), _flat((m, n, p, l), problem.w_shape))
    elif operator == "grad_weight":
        m, n, p, l = index
        i, j, k = (axis.ravel() for axis in np.indices((problem.batch, problem.out_height, problem.out_width)))
        u, v, q = j * s_h + m * d_h - top, k * s_w + n * d_w - left, l // outputs * inputs + p
        inside = (u >= 0) & (u < problem.height) & (v >= 0) & (v < problem.width)
        pairs = (_flat((i, j, k, l), problem.y_shape), _flat((i, u, v, q), problem.x_shape))
    else:
        i, u, v, q = index
        m, n, l = (axis.ravel() for axis in np.indices((a_h, a_w, outputs)))
        l = q // inputs * outputs + l
        (j, j_left), (k, k_left) = divmod(u + top - m * d_h, s_h), divmod(v + left - n * d_w, s_w)
        inside = (j_left == 0) & (k_left == 0) & (j >= 0) & (j < problem.out_height)
        inside &= (k >= 0) & (k < problem.out_width)
        pairs = (_flat((i, j, k, l), problem.y_shape), _flat((m, n, q % inputs, l), problem.w_shape))
    first, second = (flat[inside] for flat in pairs)
    order = np.argsort(first)
    return first[order], second[order]


def _flat(index: tuple[int | Array, ...], shape: tuple[int, ...]) -> Array:
    """The flat index, also of places outside the array, which the caller sorts out."""
    flat: int | Array = 0
    for number, size in zip(index, shape, strict=True):
        flat = flat * size + number
    return np.asarray(flat)


@dataclass
class Reading:
    """What was read off for one element of the result.

    missing, foreign: terms of the formula that are not multiplied, and products that are no terms of it. counted: terms
    of the formula with the coefficient that they have instead of 1. offset: the value for operands that are all zero.
    limit: why not everything was looked at, or empty. terms: how many the formula has.
    """

    index: Index
    terms: int
    missing: list[Term] = field(default_factory=list)
    foreign: list[tuple[Term, float]] = field(default_factory=list)
    counted: list[tuple[Term, float]] = field(default_factory=list)
    offset: float = 0
    limit: str = ""
    calls: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether every term is the formula's."""
        return not (self.missing or self.foreign or self.counted or self.offset)


class Prober:
    """Reads terms off an implementation. deadline: in `time.monotonic`'s seconds."""

    def __init__(
        self,
        call: Call,
        problem: Problem,
        operator: Operator,
        index: Index,
        shapes: tuple[tuple[int, ...], tuple[int, ...]],
        form: FormatLike,
        deadline: float,
    ) -> None:
        form = format_of(form)
        self.call, self.problem, self.operator, self.index = call, problem, operator, index
        self.shapes, self.dtype, self.deadline = shapes, form.dtype, deadline
        self.sizes = tuple(int(np.prod(shape)) for shape in shapes)
        self.first, self.second = formula(operator, index, problem)
        self.reading = Reading(index, len(self.first))
        self.limit = min(form.largest_sum, form.largest_operand, form.largest_result)
        # What survives in an array of this format, with room for terms that should not be there. More terms than that
        # are looked at piece by piece: the whole would look wrong by rounding alone.
        self.at_once = max(self.limit // 64, 1)
        # (An integer that does not fit may be refused, anywhere in the result.)
        most = min(len(self.first), self.at_once) if form.rounds else problem.terms(operator)
        self.magnitude = min(max(largest_magnitude(most, form, headroom=4, stored=True), 1), 1000)
        self.rounds = 2 if self.magnitude >= 8 else 6

    def value(self, first: Array, second: Array) -> float:
        """The element for these operands (flat integers), less its offset. Raises `Exhausted`."""
        if time.monotonic() > self.deadline:
            raise Exhausted(f"time was up after {self.reading.calls} calls")
        self.reading.calls += 1
        a, b = first.reshape(self.shapes[0]).astype(self.dtype), second.reshape(self.shapes[1]).astype(self.dtype)
        try:
            result = self.call(self.operator, a, b, self.problem)
            value: float = result[self.index].item()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a time limit need not be an Exception
            raise Exhausted(f"it failed on one-hot operands: {error}") from None
        return value - self.reading.offset

    def read(self) -> Reading:
        """Reads everything off, as far as time allows."""
        zeros = [np.zeros(size, np.int64) for size in self.sizes]
        try:
            self.reading.offset = self.value(zeros[0], zeros[1])
            if np.isfinite(self.reading.offset):
                self._refuse_the_nonlinear()
                self._search()
        except Exhausted as reason:
            self.reading.limit = str(reason)
        return self.reading

    def explained(self, first: Array, second: Array) -> float:
        """What the terms that were read off give for these operands."""
        a, b = first.ravel(), second.ravel()
        total = sum(_number(a[i]) * _number(b[j]) for i, j in zip(self.first, self.second, strict=True))
        total -= sum(_number(a[i]) * _number(b[j]) for i, j in self.reading.missing)
        total += sum(_number(a[i]) * _number(b[j]) * count for (i, j), count in self.reading.foreign)
        total += sum(_number(a[i]) * _number(b[j]) * (count - 1) for (i, j), count in self.reading.counted)
        return total + self.reading.offset

    def _bounds(self) -> list[int]:
        """``first`` in pieces that can be looked at as a whole."""
        return [0, *self.first[self.at_once :: self.at_once].tolist(), self.sizes[0]]

    def _refuse_the_nonlinear(self) -> None:
        """No terms can be read off what is no sum of products."""
        low, high = self._bounds()[:2]
        one, two = np.zeros((2, self.sizes[0]), np.int64)
        one[low:high], two[low:high] = (self._random(high - low, turn, self.magnitude) for turn in (100, 101))
        second = self._random(self.sizes[1], 102, self.magnitude)
        a, b, both = (self.value(first, second) for first in (one, two, one + two))
        if both != a + b:
            raise Exhausted(f"it is not additive: {a:g} and {b:g} for two first operands, but {both:g} for their sum")
        if self.dtype.kind != "u" and (negative := self.value(-one, second)) != -a:
            raise Exhausted(f"it is not linear: {a:g} for a first operand, but {negative:g} for its negative")

    def _search(self) -> None:
        """Depth first, so that the first terms come first."""
        bounds = self._bounds()
        stack = [(low, high) for low, high in pairwise(bounds) if low < high][::-1]
        certain: set[tuple[int, int]] = set()
        while stack:
            low, high = stack.pop()
            if (low, high) not in certain and not self._differs(low, high):
                continue
            if high - low == 1:
                self._read_row(low)
                if len(self.reading.missing) + len(self.reading.foreign) + len(self.reading.counted) > MANY:
                    raise Exhausted(f"more than {MANY} are wrong")
                continue
            middle = (low + high) // 2
            stack.append((middle, high))
            if self._differs(low, middle):
                certain.add((low, middle))
                stack.append((low, middle))
            else:
                certain.add((middle, high))  # the difference must be there

    def _differs(self, low: int, high: int) -> bool:
        """Whether the implementation and the formula differ for operands that are zero outside [low, high)."""
        here = slice(*np.searchsorted(self.first, (low, high)))
        for turn in range(self.rounds):
            first = np.zeros(self.sizes[0], np.int64)
            first[low:high] = self._random(high - low, 2 * turn, self.magnitude)
            second = self._random(self.sizes[1], 2 * turn + 1, self.magnitude)
            expected = int(first[self.first[here]] @ second[self.second[here]])
            if self.value(first, second) != expected:
                return True
        return False

    def _random(self, size: int, stream: int, magnitude: int) -> Array:
        sign = np.uint64 if self.dtype.kind == "u" else np.int64
        return integers((size,), magnitude, sign, SEED, stream=stream).astype(np.int64)

    def _randoms(self, size: int) -> Iterator[Array]:
        """For a one-hot partner, with which sums are short."""
        return (self._random(size, turn, min(max(self.limit // 8, 1), 1000)) for turn in range(6))

    def _read_row(self, a: int) -> None:
        """Compares all terms with ``first[a]`` in them."""
        place = int(np.searchsorted(self.first, a))
        right = {int(self.second[place])} if place < len(self.first) and self.first[place] == a else set()
        found = dict(self._partners(a))
        for b in sorted(right | set(found)):
            count = found.get(b, 0)
            if b not in right:
                self.reading.foreign.append(((a, b), count))
            elif count == 0:
                self.reading.missing.append((a, b))
            elif count != 1:
                self.reading.counted.append(((a, b), count))

    def _partners(self, a: int) -> list[tuple[int, float]]:
        """Each b whose product with ``first[a]`` is added, and how often."""
        one = np.zeros(self.sizes[0], np.int64)
        one[a] = 1
        return self._one_partner(one) or list(self._many_partners(one, 0, self.sizes[1]))

    def _one_partner(self, one: Array) -> list[tuple[int, float]]:
        """The only one, by the digits of its index; empty if there is none, or there are several."""
        count = self.value(one, np.ones(self.sizes[1], np.int64))
        if count == 0 or not np.isfinite(count):
            return []
        numbers, base = np.arange(self.sizes[1]), max(self.limit // 4, 2)
        found, weight = 0, 1
        while weight < self.sizes[1]:
            digit = self.value(one, numbers // weight % base + 1) / count - 1
            if not np.isfinite(digit) or digit != int(digit):
                return []
            found += int(digit) * weight
            weight *= base
        if not 0 <= found < self.sizes[1]:
            return []
        if any(self.value(one, random) != count * random[found] for random in self._randoms(self.sizes[1])):
            return []
        return [(found, count)]

    def _many_partners(self, one: Array, low: int, high: int) -> Iterator[tuple[int, float]]:
        second = np.zeros(self.sizes[1], np.int64)
        if high - low == 1:
            second[low] = 1
            count = self.value(one, second)
            if count != 0:
                yield low, count
            return
        for random in self._randoms(high - low):
            second[low:high] = random
            if self.value(one, second) != 0:
                break
        else:
            return
        middle = (low + high) // 2
        yield from self._many_partners(one, low, middle)
        yield from self._many_partners(one, middle, high)


def _number(value: np.generic) -> float:
    number: float = value.item()
    return int(number) if number == int(number) else number
