"""Implicit GEMM in shared-memory tiles: im2col's matrix product without its matrix."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from refconv.problem import OPERATORS, Operator, Problem
from refconv_cuda import geometry
from refconv_cuda.device import Array, Device
from refconv_cuda.launchers.gathered import Product
from refconv_cuda.launchers.instance import Instance
from refconv_cuda.launchers.on_device import C_NAMES, SUMS, OnDevice, checked_splits, sum_of_splits
from refconv_cuda.launchers.work import Work, divide_up, least_elements, product_shape, share_out, tiled
from refconv_cuda.target import FILLING_BLOCKS


@dataclass(frozen=True)
class Tile:
    """The tile of C that a block computes (m, n), its slices of the sum (k), and a thread's patch (rows, columns)."""

    m: int
    n: int
    k: int
    rows: int
    columns: int

    @property
    def threads(self) -> int:
        return (self.m // self.rows) * (self.n // self.columns)

    def arguments(self) -> str:
        """The template arguments, as in ``kernels/tile.cuh``."""
        return f"{self.m}, {self.n}, {self.k}, {self.rows}, {self.columns}"

    def __str__(self) -> str:
        return f"{self.m}x{self.n}x{self.k}"


SMALL = Tile(m=16, n=16, k=8, rows=2, columns=2)
LARGE = Tile(m=64, n=64, k=16, rows=4, columns=4)


class ImplicitGemm(OnDevice):
    """Implicit GEMM in shared-memory tiles: im2col's matrix product without its matrix.

    tile: one of `SMALL`, `LARGE`, or any that ``kernels/tile.cuh`` accepts. splits: into how many parts grad_weight
    divides its sum; None chooses by the problem, and tests force it.
    """

    def __init__(
        self,
        name: str = "implicit-gemm",
        *,
        tile: Tile = LARGE,
        splits: int | None = None,
        device_: Device | None = None,
    ) -> None:
        super().__init__(device_)
        self.name = name
        self.tile = tile
        self.splits = checked_splits(splits)

    def least(self, name: str) -> int:
        """As any launcher's: bfloat16 leaves Kepler out, whose compiler spills to widen it."""
        return 50 if name == "bfloat16" else 0

    def instances(self) -> Iterable[Instance]:
        """Each operator with its tile, and the sum over splits."""
        for dtype in self.dtypes:
            for operator in OPERATORS:
                yield replace(self._kernel(operator, C_NAMES[dtype]), least=self.least(dtype))
            yield sum_of_splits(dtype)

    @property
    def variants(self) -> dict[str, ImplicitGemm]:
        """The same operators with the other tile, and with the sum of grad_weight split, by name."""
        other = SMALL if self.tile == LARGE else LARGE
        made = {f"{splits} splits": (self.tile, splits) for splits in (2, 7)} | {f"tile {other}": (other, None)}
        return {
            name: ImplicitGemm(self.name, tile=tile, splits=splits, device_=self._chosen)
            for name, (tile, splits) in made.items()
        }

    def work(self, operator: Operator, problem: Problem, dtype: str) -> Work:
        """The product in tiles; a tile of fewer registers reuses less of what it stages."""
        tile = self.tile
        shape = product_shape(operator, problem)
        multiply_adds, tiles = tiled(shape, problem.groups, m=tile.m, n=tile.n, k=tile.k)
        splits, _ = self._split(tiles, problem.terms(operator)) if operator == "grad_weight" else (1, 0)
        partial = 2 * splits * math.prod(problem.w_shape) if splits > 1 else 0
        return Work(
            multiply_adds,
            least_elements(problem) + partial,
            tiles * splits,
            pace=0.6 if tile.rows * tile.columns >= 16 else 0.25,
            launches=1 + (splits > 1),
            note=f"tile {tile}" + (f", {splits} splits" if splits > 1 else ""),
        )

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        x_, w_, real = self._operands(problem, ("x", x, problem.x_shape), ("w", w, problem.w_shape))
        y = self.device.empty(problem.y_shape, x_.dtype)
        self._multiply("forward", real, problem, 1, x_, w_, y)
        return self._result(y, x)

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""
        g_, w_, real = self._operands(problem, ("gy", gy, problem.y_shape), ("w", w, problem.w_shape))
        gx = self.device.empty(problem.x_shape, g_.dtype)
        self._multiply("grad_input", real, problem, 1, g_, w_, gx)
        return self._result(gx, gy)

    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW, shape ``problem.w_shape``; the sum over pixels in `splits` parts, added in a fixed order."""
        g_, x_, real = self._operands(problem, ("gy", gy, problem.y_shape), ("x", x, problem.x_shape))
        splits, terms_each = self._split(self._tiles("grad_weight", problem), problem.terms("grad_weight"))
        partial = self.device.empty((splits, *problem.w_shape), SUMS[g_.dtype.name])
        self._multiply("grad_weight", real, problem, splits, g_, x_, partial, more=(np.int64(terms_each),))
        return self._result(self._sum_of_splits(partial, g_.dtype), gy)

    def _multiply(
        self,
        operator: Operator,
        real: str,
        problem: Problem,
        splits: int,
        *arrays: Array,
        more: tuple[object, ...] = (),
    ) -> None:
        """Launches one kernel: a block for each tile, group and split."""
        blocks = self._tiles(operator, problem) * splits
        arguments = (*arrays, geometry.struct(problem), *more)
        self._launch(self._kernel(operator, real), blocks, problem, *arguments, tile=str(self.tile))

    def _kernel(self, operator: Operator, real: str) -> Instance:
        name = f"implicit_gemm_{operator}"
        return Instance(f"{name}.cu", f"{name}<{real}, {self.tile.arguments()}>", self.tile.threads)

    def _tiles(self, operator: Operator, problem: Problem) -> int:
        """Of all groups."""
        return Product.undivided(operator, problem).blocks(self.tile.m, self.tile.n)

    def _split(self, tiles: int, terms: int) -> tuple[int, int]:
        """How many splits, and how many terms each adds: whole slices, none empty."""
        slices = divide_up(terms, self.tile.k)
        wanted = self.splits if self.splits is not None else min(FILLING_BLOCKS // tiles, slices // 8)
        splits, each = share_out(slices, wanted)
        return splits, each * self.tile.k
