"""A convolution of real size, verified by random projections: linear in its tensors, not in its multiplications.

Contract Y with random integer vectors r over the images and t over the output channels:

    sum_{i,l} r_i t_l Y[i,j,k,l] = conv(sum_i r_i X[i], sum_l t_l W[...,l])[j,k]

The right side costs one image and one output channel. dX is contracted over images and input channels, dW over both of
its channels. A wrong element makes the difference of the two sides a polynomial of degree 2 in r and t that is not
zero, and which random numbers from a set S make vanish with probability at most 2/|S| (Schwartz-Zippel). Here S is the
nonzero integers up to `Expected.reach` in magnitude, so that is 1/reach, and independent columns multiply. With one
wrong element alone, none of its coefficients is zero: it is always found.

Everything is exact. The operands are integers from `refconv.exact` whose sums are *stored* exactly, and what is
projected stays below 2^53, so that float64 holds every partial sum, in any order. Before it is projected, each element
of a result is seen to be an integer of possible size, without which that would not be true.

Arrays may be NumPy's or CuPy's: the code is the same, and all of it runs where they are.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from refconv import exact
from refconv.formats import FormatLike, format_of
from refconv.operands import checked
from refconv.problem import OPERANDS, OPERATORS, Operator, Problem

Array = Any  # NumPy's or CuPy's
Index = tuple[int, ...]

MISS = 4e-8  # the highest probability of passing a wrong result
LEAST_REACH = 9  # leaves room for few columns
EXACT = 2**53  # float64 holds the integers up to here
# Elements of a block times columns: it stays in the cache, and OpenBLAS takes no second thread for so little, one that
# it would wait for where other work has driven it away.
BLOCK = 2**18
FEW = 8  # channels of which no matrix product is worth its while
SAMPLES = 16
STREAMS = {"x": 0, "w": 1, "gy": 2}  # those of `exact.operands`


@dataclass(frozen=True)
class Wrong:
    """The first wrong element; expected: the literal sum."""

    index: Index
    computed: float
    expected: int


@dataclass(frozen=True)
class Certificate:
    """The verdict on one result.

    wrong: the first wrong element, or None. places: how many pixels (for dW, taps) have a wrong element at least.
    probability: of passing a wrong result, at most. samples: elements that were compared with the literal sum.
    """

    wrong: Wrong | None
    places: int
    probability: float
    samples: int

    @property
    def holds(self) -> bool:
        """Whether nothing was found wrong."""
        return self.wrong is None


@dataclass(frozen=True)
class Pair:
    """The operands of one operator. most: no element of its result is larger. thinned: as in `exact.Operands`."""

    first: Array
    second: Array
    most: int
    thinned: str


def operands(
    operator: Operator,
    problem: Problem,
    seed: int,
    form: FormatLike,
    *,
    draw: Callable[..., Array] = exact.integers,
    thin: Callable[..., Array] = exact.thinned,
) -> Pair:
    """Random integers for which the result is stored exactly and its projections are exact; the same for a seed.

    draw, thin: what draws and thins them, where not NumPy on the host, with `exact`'s arguments. Raises ``ValueError``.
    """
    form, terms = format_of(form), max(problem.terms(operator), 1)
    limit = exact.budget(form, 1, stored=True)
    headroom = max(1, -(-limit * LEAST_REACH**2 * _weights(operator, problem) // EXACT))
    if headroom > limit:
        raise ValueError(f"problem {problem} is too large: no sum over all of {operator}'s result is exact")
    magnitude = exact.largest_magnitude(terms, form, headroom=headroom, stored=True)
    shapes = {"x": problem.x_shape, "w": problem.w_shape, "gy": problem.y_shape}
    first, second = (
        draw(shapes[name], max(magnitude, 1), form, seed, stream=STREAMS[name]) for name in OPERANDS[operator]
    )
    if magnitude:
        return Pair(first, second, terms * magnitude**2, "")
    # W of the forward pass, G of the gradients.
    keep = exact.budget(form, headroom, stored=True)
    if operator == "forward":
        second = thin(second, keep, seed, stream=3)
    else:
        first = thin(first, keep, seed, stream=4)
    name = "W" if operator == "forward" else "G"
    return Pair(first, second, keep, f"{terms} terms a sum are too many: {name} holds at most {keep} nonzeros")


def _weights(operator: Operator, problem: Problem) -> int:
    """How many elements of the result one projection adds up."""
    counts = {
        "forward": problem.batch * problem.c_out,
        "grad_input": problem.batch * problem.c_in,
        "grad_weight": problem.c_in_per_group * problem.c_out,
    }
    return max(counts[operator], 1)


class Expected:
    """What every right result has in common, worked out from the operands before the implementation is called.

    ``Expected(...).certify(result)`` is the verdict. ``reach`` and ``columns`` say how sharp it is.
    """

    def __init__(self, operator: Operator, pair: Pair, problem: Problem, seed: int, *, samples: int = SAMPLES) -> None:
        """seed: of the projections; one that the implementation cannot know. Raises ``ValueError``, ``TypeError``."""
        self.operator, self.pair, self.problem = operator, pair, problem
        self.xp = array_module(pair.first)
        self._checked_operands()
        room = EXACT // (max(pair.most, 1) * _weights(operator, problem))
        self.reach = min(math.isqrt(room), 2**15)
        self.columns = math.ceil(math.log(MISS) / -math.log(self.reach))
        random = np.random.default_rng([seed, OPERATORS.index(operator), 7])
        rows, columns = {
            "forward": (problem.batch, problem.c_out),
            "grad_input": (problem.batch, problem.c_in),
            "grad_weight": (problem.c_in_per_group, problem.c_out),
        }[operator]
        self._r, self._t = self._drawn(random, rows), self._drawn(random, columns)
        shape = problem.result_shape(operator)
        self._projected = getattr(self, f"_{operator}")() if math.prod(shape) else None
        count = min(samples, math.prod(shape))
        self._samples: dict[Index, int] = {}
        while len(self._samples) < count:
            index = tuple(int(random.integers(size)) for size in shape)
            self._samples[index] = element(operator, index, pair.first, pair.second, problem)

    @property
    def probability(self) -> float:
        """Of passing a wrong result, at most: (2/|S|)^columns."""
        return float(self.reach) ** -self.columns

    def certify(self, result: Array) -> Certificate:
        """The verdict on a result. Raises ``ValueError`` where it has not the right shape."""
        shape = self.problem.result_shape(self.operator)
        if tuple(result.shape) != shape:
            raise ValueError(f"the result has shape {tuple(result.shape)}, but must have {shape}")
        verdict = (self.probability, len(self._samples))
        if math.prod(shape) == 0:
            return Certificate(None, 0, 0.0, 0)
        projected, possible = self._project_result(result)
        if possible is not None:
            index = tuple(int(i) for i in np.unravel_index(possible, shape))
            value = element(self.operator, index, self.pair.first, self.pair.second, self.problem)
            return Certificate(Wrong(index, result[index].item(), value), 1, *verdict)
        differs = (projected != self._projected).any(axis=-1)
        places = [(row, column) for row, column in self.xp.argwhere(differs).tolist()]
        if places:
            return Certificate(self._first_wrong(result, places[0]), len(places), *verdict)
        for index, value in self._samples.items():
            if result[index].item() != value:
                return Certificate(Wrong(index, result[index].item(), value), 1, *verdict)
        return Certificate(None, 0, *verdict)

    # -- the result's side ------------------------------------------------------------------------

    def _project_result(self, result: Array) -> tuple[Array, int | None]:
        """The result contracted, ``[., ., columns]``; or the flat index of an element of no possible value."""
        values = result.reshape(-1, result.shape[-1])
        shape = (result.shape[0], result.shape[1] * result.shape[2], self.columns)
        last = self.xp.empty((len(values), self.columns))
        step = max(1, self._block() // values.shape[1])
        buffer, nearest = self.xp.empty((2, step, values.shape[1]))
        for start in range(0, len(values), step):
            size = min(step, len(values) - start)
            block, near = buffer[:size], nearest[:size]
            block[...] = values[start : start + size]
            self.xp.rint(block, out=near)
            # NaN fails both.
            if not (max(block.max(), -block.min()) <= self.pair.most and bool((block == near).all())):
                good = (self.xp.abs(block) <= self.pair.most) & (block == near)
                return last, start * values.shape[1] + int(self.xp.argmin(good.ravel()))
            self.xp.matmul(block, self._t, out=last[start : start + size])
        if self.operator == "grad_weight":
            by_taps = last.reshape(*result.shape[:3], self.columns)
            return self.xp.einsum("mnpc,pc->mnc", by_taps, self._r), None
        contracted = self.xp.einsum("bnc,bc->nc", last.reshape(shape), self._r)
        return contracted.reshape(*result.shape[1:3], self.columns), None

    def _first_wrong(self, result: Array, place: tuple[int, int]) -> Wrong:
        """All elements at one pixel or tap, anew."""
        right = _at(self.operator, place, self.pair.first, self.pair.second, self.problem)
        mine = (result[place] if self.operator == "grad_weight" else result[:, place[0], place[1]]).astype(np.float64)
        a, b = (int(i) for i in self.xp.argwhere(mine != right)[0])
        index = (*place, a, b) if self.operator == "grad_weight" else (a, *place, b)
        return Wrong(index, result[index].item(), int(right[a, b]))

    # -- the operands' side -----------------------------------------------------------------------

    def _forward(self) -> Array:
        """conv(sum_i r_i X[i], sum_l t_l W[...,l]), one column after another."""
        problem = self.problem
        result = self.xp.zeros((problem.out_height, problem.out_width, self.columns))
        for product, rows, columns, out_rows, out_columns in self._products(problem.height, problem.width):
            result[out_rows, out_columns] += product(rows, columns)
        return result

    def _grad_input(self) -> Array:
        """The same, with G for X and, of each group, sum_p t_p W[...,p,:] for W."""
        problem = self.problem
        result = self.xp.zeros((problem.height, problem.width, self.columns))
        for product, rows, columns, out_rows, out_columns in self._products(problem.out_height, problem.out_width):
            result[rows, columns] += product(out_rows, out_columns)
        return result

    def _grad_weight(self) -> Array:
        """For each tap, sum_{i,j,k} of X contracted over its tap channels, times G contracted over its channels."""
        problem = self.problem
        result = self.xp.zeros((*problem.kernel, self.columns))
        pixels = problem.height * problem.width * problem.c_in + problem.out_height * problem.out_width * problem.c_out
        step = max(1, 64 * self._block() // pixels)  # images at once, to bound the memory
        t = self._t.reshape(problem.groups, problem.c_out_per_group, self.columns)
        r = self.xp.broadcast_to(self._r, (problem.groups, *self._r.shape))
        for start in range(0, problem.batch, step):
            gy = self._over_channels(self.pair.first[start : start + step], t)  # [columns, b, out_h, out_w, g]
            x = self._over_channels(self.pair.second[start : start + step], r)
            for tap, rows, columns, out_rows, out_columns in _taps(problem):
                products = self.xp.einsum("cbjkg,cbjkg->c", x[:, :, rows, columns], gy[:, :, out_rows, out_columns])
                result[divmod(tap, problem.kernel.width)] += products
        return result

    def _products(
        self, height: int, width: int
    ) -> Iterator[tuple[Callable[[slice, slice], Array], slice, slice, slice, slice]]:
        """For each tap: the contracted image times the tap's contracted W, at given rows and columns; then `_taps`."""
        first, weights = self.pair.first, self._weights_of_taps()  # [channels, taps, columns]
        channels = first.shape[-1]
        flat = self._matmul(first.reshape(len(first), -1).T, self._r)
        images = flat.reshape(height, width, channels, self.columns)
        taps = _taps(self.problem)
        at_once = max(1, 2**22 // (height * width))
        for start in range(0, len(taps), at_once):
            block = taps[start : start + at_once]
            numbers = [tap for tap, *_ in block]
            if channels > FEW:
                pixels = images.reshape(-1, channels, self.columns)
                parts = [self._matmul(pixels[..., c], weights[:, numbers, c]) for c in range(self.columns)]
                products = self.xp.stack(parts, axis=-1).reshape(height, width, len(block), self.columns)
            for place, (tap, *_) in enumerate(block):

                def product(rows: slice, columns: slice, place: int = place, tap: int = tap) -> Array:
                    if channels > FEW:
                        return products[rows, columns, place]  # noqa: B023 - it is called at once
                    return self.xp.einsum("jkqc,qc->jkc", images[rows, columns], weights[:, tap])

                yield product, *block[place][1:]

    def _weights_of_taps(self) -> Array:
        """W with one of its channel axes contracted, group by group: ``[c_in or c_out, taps, columns]``."""
        problem, taps = self.problem, self.problem.kernel.height * self.problem.kernel.width
        inputs, outputs = problem.c_in_per_group, problem.c_out_per_group
        w = self.pair.second.reshape(taps, inputs, problem.c_out)
        channels = inputs if self.operator == "forward" else outputs
        result = self.xp.empty((problem.groups, channels, taps, self.columns))
        for group, t in enumerate(self._t.reshape(problem.groups, -1, self.columns)):
            part = w[..., group * outputs : (group + 1) * outputs]
            if self.operator == "forward":
                product = self._matmul(part.reshape(-1, outputs), t).reshape(taps, inputs, -1)
                result[group] = product.transpose(1, 0, 2)
            else:
                for tap in range(taps):
                    result[group, :, tap] = self._matmul(part[tap].T, t)
        return result.reshape(-1, taps, self.columns)

    def _over_channels(self, values: Array, weights: Array) -> Array:
        """The channels of each group contracted with ``weights`` ``[g, ., columns]``: ``[columns, b, h, w, g]``."""
        groups, per_group, _ = weights.shape
        flat = values.reshape(-1, groups, per_group)
        result = self.xp.empty((self.columns, len(flat), groups))
        if per_group == 1:
            for column in range(self.columns):
                self.xp.multiply(flat[..., 0], weights[:, 0, column], out=result[column])
        else:
            for group in range(groups):
                result[..., group] = self._matmul(flat[:, group], weights[group]).T
        return result.reshape(self.columns, *values.shape[:3], groups)

    def _matmul(self, a: Array, b: Array) -> Array:
        """A @ b in float64, ``a`` of any dtype, by blocks of rows."""
        result = self.xp.empty((a.shape[0], b.shape[1]))
        step = max(1, self._block() * self.columns // (a.shape[1] * b.shape[1]))
        for start in range(0, a.shape[0], step):
            result[start : start + step] = a[start : start + step].astype(np.float64) @ b
        return result

    # -- small parts ------------------------------------------------------------------------------

    def _checked_operands(self) -> None:
        shapes = {"x": self.problem.x_shape, "w": self.problem.w_shape, "gy": self.problem.y_shape}
        for name, value in zip(OPERANDS[self.operator], (self.pair.first, self.pair.second), strict=True):
            if self.xp is np:
                checked(name, value, shapes[name])

    def _drawn(self, random: np.random.Generator, count: int) -> Array:
        """Nonzero integers, ``[count, columns]``."""
        magnitudes = random.integers(1, self.reach, (count, self.columns), endpoint=True)
        return self.xp.asarray((magnitudes * random.choice([-1, 1], magnitudes.shape)).astype(np.float64))

    def _block(self) -> int:
        return max(BLOCK // self.columns, 1) if self.xp is np else 64 * BLOCK


def array_module(array: Array) -> Any:
    """NumPy, or the module like it that ``array`` is of."""
    return sys.modules[type(array).__module__.partition(".")[0]]


def element(operator: Operator, index: Index, first: Array, second: Array, problem: Problem) -> int:
    """One element of the result as the literal index sum, in whole numbers."""
    a, b = (index[2], index[3]) if operator == "grad_weight" else (index[0], index[3])
    place = (index[0], index[1]) if operator == "grad_weight" else (index[1], index[2])
    inputs, outputs = problem.c_in_per_group, problem.c_out_per_group
    total = 0
    for tap, rows, columns, out_rows, out_columns in _taps(problem):
        m, n = divmod(tap, problem.kernel.width)
        if operator == "grad_weight":
            if (m, n) == place:
                x = second[:, rows, columns, b // outputs * inputs + a]
                total += int((x.astype(np.int64) * first[:, out_rows, out_columns, b].astype(np.int64)).sum())
            continue
        here, there = (out_rows, out_columns), (rows, columns)
        at = _partner(place, here, there) if operator == "forward" else _partner(place, there, here)
        if at is None:
            continue
        if operator == "forward":
            group = b // outputs
            x = first[a, at[0], at[1], group * inputs : (group + 1) * inputs].astype(np.int64)
            total += int((x * second[m, n, :, b].astype(np.int64)).sum())
        else:
            group, p = divmod(b, inputs)
            channels = slice(group * outputs, (group + 1) * outputs)
            g = first[a, at[0], at[1], channels].astype(np.int64)
            total += int((g * second[m, n, p, channels].astype(np.int64)).sum())
    return total


def _at(operator: Operator, place: tuple[int, int], first: Array, second: Array, problem: Problem) -> Array:
    """All elements of the result at one pixel, ``[b, channels]``, or of one tap, ``[c_in/g, c_out]``, in float64."""
    xp = array_module(first)
    inputs, outputs = problem.c_in_per_group, problem.c_out_per_group
    shape = problem.result_shape(operator)
    total = xp.zeros(shape[2:] if operator == "grad_weight" else (shape[0], shape[3]))
    for tap, rows, columns, out_rows, out_columns in _taps(problem):
        m, n = divmod(tap, problem.kernel.width)
        here, there = (out_rows, out_columns), (rows, columns)
        at = _partner(place, here, there) if operator == "forward" else _partner(place, there, here)
        for group in range(problem.groups):
            qs = slice(group * inputs, (group + 1) * inputs)
            ls = slice(group * outputs, (group + 1) * outputs)
            if operator == "grad_weight":
                if (m, n) == place:
                    x = second[:, rows, columns, qs].reshape(-1, inputs).astype(np.float64)
                    total[:, ls] = x.T @ first[:, out_rows, out_columns, ls].reshape(-1, outputs).astype(np.float64)
            elif at is not None and operator == "forward":
                total[:, ls] += first[:, at[0], at[1], qs].astype(np.float64) @ second[m, n, :, ls].astype(np.float64)
            elif at is not None:
                total[:, qs] += first[:, at[0], at[1], ls].astype(np.float64) @ second[m, n, :, ls].T.astype(np.float64)
    return total


def _taps(problem: Problem) -> list[tuple[int, slice, slice, slice, slice]]:
    """Each tap that reads the image: its number, the rows and columns it reads, and of which output pixels."""
    (s_h, s_w), (d_h, d_w) = problem.stride, problem.dilation
    found = []
    for m in range(problem.kernel.height):
        rows = _read(m * d_h - problem.padding.top, problem.height, problem.out_height, s_h)
        for n in range(problem.kernel.width):
            columns = _read(n * d_w - problem.padding.left, problem.width, problem.out_width, s_w)
            if rows is not None and columns is not None:
                found.append((m * problem.kernel.width + n, rows[0], columns[0], rows[1], columns[1]))
    return found


def _read(offset: int, size: int, out: int, stride: int) -> tuple[slice, slice] | None:
    """The input rows j stride + offset inside the image, and their j; None if there are none."""
    first = max(0, -(offset // stride))
    last = min(out - 1, (size - 1 - offset) // stride)
    if first > last:
        return None
    return slice(first * stride + offset, last * stride + offset + 1, stride), slice(first, last + 1)


def _partner(place: tuple[int, int], its: tuple[slice, slice], other: tuple[slice, slice]) -> tuple[int, int] | None:
    """The pixel among ``other`` that belongs to ``place`` among ``its``."""
    found = []
    for at, mine, theirs in zip(place, its, other, strict=True):
        number, left = divmod(at - mine.start, mine.step or 1)
        if left or not mine.start <= at < mine.stop:
            return None
        found.append(theirs.start + number * (theirs.step or 1))
    return found[0], found[1]
