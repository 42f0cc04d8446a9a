"""Operands for timing: dense random data, in so many copies that a call finds none of its own in the cache.

Kernels are timed on normally distributed data, never on the exact operands, which may be mostly zeros: a GPU multiplies
zeros with less power, and so at a higher clock. All copies are views of one flat array.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from refconv.formats import format_of
from refconv.problem import OPERANDS, Operator, Problem

PERIOD = 2**20 + 7  # numbers that are drawn; more are repetitions, which no cache and no kernel knows
ALIGNED = 256  # bytes, as every allocation on a GPU is
MOST_COPIES = 4096  # of operands so small that what is timed is the launch


class Home(Protocol):
    """A library's memory, as far as buffers need it."""

    @property
    def cache(self) -> int:
        """Bytes of the last cache before the memory."""

    def noise(self, block: npt.NDArray[Any], count: int, dtype: str) -> Any:
        """A flat array of ``count`` elements that repeats ``block``, converted to ``dtype``."""

    def shaped(self, flat: Any, name: str, shape: tuple[int, ...]) -> Any:
        """An operand (x, w, gy) of ``shape`` (NHWC or HWIO) on a part of a flat array, in the library's own layout."""


@dataclass(frozen=True)
class Rotation:
    """Pairs of operands, each in memory of its own; ``rotation[i]`` for any i."""

    pairs: tuple[tuple[Any, Any], ...]

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        return self.pairs[i % len(self.pairs)]


def rotation(home: Home, operator: Operator, problem: Problem, dtype: str, *, seed: int = 0) -> Rotation:
    """Random operands of an operator, in as many pairs as it takes to be three times the size of the cache."""
    shapes = {"x": problem.x_shape, "w": problem.w_shape, "gy": problem.y_shape}
    names = OPERANDS[operator]
    itemsize = format_of(dtype).itemsize
    step = ALIGNED // itemsize
    sizes = [math.prod(shapes[name]) for name in names]
    places = [-(-size // step) * step for size in sizes]
    copies = max(1, min(MOST_COPIES, -(-3 * home.cache // (sum(places) * itemsize or 1))))
    block = np.random.default_rng(seed).standard_normal(PERIOD, np.float32)
    flat = home.noise(block, max(1, copies * sum(places)), dtype)
    pairs = []
    for copy in range(copies):
        start = copy * sum(places)
        starts = (start, start + places[0])
        pairs.append(
            tuple(
                home.shaped(flat[begin : begin + size], name, shapes[name])
                for begin, size, name in zip(starts, sizes, names, strict=True)
            )
        )
    return Rotation(tuple((first, second) for first, second in pairs))
