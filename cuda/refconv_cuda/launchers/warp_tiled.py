"""Implicit GEMM by warp tiles: vector accesses, two buffers, and no term multiplied that stride makes a zero."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from refconv.problem import OPERATORS, Operator, Problem
from refconv_cuda import geometry
from refconv_cuda.device import Array, Device
from refconv_cuda.launchers.gathered import Product, takes_vectors
from refconv_cuda.launchers.instance import Instance
from refconv_cuda.launchers.on_device import C_NAMES, SUMS, OnDevice, sum_of_splits
from refconv_cuda.launchers.work import Work, least_elements, tiled_product

MULTIPROCESSORS = 132  # of an H100
VECTOR = 4  # neighbours that a thread moves together
Size = Literal["large", "small"]
SIZES: tuple[Size, ...] = ("large", "small")


@dataclass(frozen=True)
class WarpTile:
    """The tile of C that a block computes (m, n), its slices of the sum (k), and how lanes share it out.

    rows, columns: of a lane's patch, multiples of 4. lanes_m: so many of a warp's 32 lanes lie below one another.
    """

    m: int
    n: int
    k: int
    rows: int
    columns: int
    lanes_m: int

    @property
    def threads(self) -> int:
        return (self.m // self.rows) * (self.n // self.columns)

    @property
    def resident(self) -> int:
        """How many blocks an H100 holds at a time, with 128 registers a thread."""
        return MULTIPROCESSORS * (512 // self.threads)

    def arguments(self) -> str:
        """The template arguments, as in ``kernels/warp_tile.cuh``."""
        return f"{self.m}, {self.n}, {self.k}, {self.rows}, {self.columns}, {self.lanes_m}"

    def __str__(self) -> str:
        return f"{self.m}x{self.n}x{self.k}"


# The larger tile reads least from memory, the smaller one leaves least of itself and of the machine idle. A double
# takes two registers, so its tiles have a quarter of the elements, and the sums of a patch fit beside its operands.
TILES: dict[str, dict[Size, WarpTile]] = {
    "float32": {"large": WarpTile(128, 128, 8, 8, 8, 8), "small": WarpTile(64, 64, 8, 8, 4, 4)},
    "float64": {"large": WarpTile(64, 64, 8, 8, 4, 4), "small": WarpTile(32, 32, 8, 4, 4, 8)},
}
_SMALL_COSTS = 1.25  # of a multiply-add in the smaller tile: it reads half as much more from shared memory


class WarpTiled(OnDevice):
    """Implicit GEMM by warp tiles: vector accesses, two buffers, and no term multiplied that stride makes a zero.

    size: which of the dtype's two tiles; None chooses by the problem. vectors: False moves single elements, and then
    the tile is the smaller one, as it is where channels or addresses are no multiples of four elements. splits: into
    how many parts grad_weight divides its sum; None chooses by the problem.
    """

    dtypes = tuple(TILES)

    def __init__(
        self,
        name: str = "warp-tiled",
        *,
        size: Size | None = None,
        vectors: bool = True,
        splits: int | None = None,
        device_: Device | None = None,
    ) -> None:
        super().__init__(device_)
        if size is not None and size not in SIZES:
            raise ValueError(f"size = {size!r} must be one of {', '.join(SIZES)}")
        if splits is not None and splits < 1:
            raise ValueError(f"splits = {splits} must be at least 1")
        self.name = name
        self.size = size
        self.vectors = vectors
        self.splits = splits

    def instances(self) -> Iterable[Instance]:
        """Each operator with both tiles, the smaller one also in single elements, and the sum over splits."""
        for dtype in self.dtypes:
            for operator in OPERATORS:
                tiles = TILES[dtype]
                for tile, vector in ((tiles["large"], VECTOR), (tiles["small"], VECTOR), (tiles["small"], 1)):
                    yield Instance(*self._kernel("warp_tiled", operator, dtype, vector, tile), tile.threads)
            yield sum_of_splits(dtype)

    @property
    def variants(self) -> dict[str, WarpTiled]:
        """The same operators with each tile, in single elements, and with the sum of grad_weight split, by name."""
        return {
            "large tiles": self._variant(size="large"),
            "small tiles": self._variant(size="small"),
            "single elements": self._variant(vectors=False),
            "2 splits": self._variant(splits=2),
            "7 splits": self._variant(splits=7),
        }

    def _variant(self, *, size: Size | None = None, vectors: bool = True, splits: int | None = None) -> WarpTiled:
        return type(self)(self.name, size=size, vectors=vectors, splits=splits, device_=self._chosen)

    def work(self, operator: Operator, problem: Problem) -> Work:
        """The product in tiles, without the terms between strides."""
        vector, tile = self._choose(operator, problem, "float32", ())
        splits, _ = self._split(operator, problem, tile)
        multiply_adds, blocks = tiled_product(
            operator, problem, m=tile.m, n=tile.n, k=tile.k, splits=splits, dense=True
        )
        partial = 2 * splits * math.prod(problem.w_shape) if splits > 1 else 0
        note = (
            f"tile {tile}" + (f", {splits} splits" if splits > 1 else "") + ("" if vector > 1 else ", single elements")
        )
        return Work(
            multiply_adds,
            least_elements(problem) + partial,
            blocks,
            pace=0.85 if vector > 1 else 0.6,
            launches=1 + (splits > 1),
            note=note,
        )

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        x_, w_, _ = self._operands(problem, ("x", x, problem.x_shape), ("w", w, problem.w_shape))
        y = self.device.empty(problem.y_shape, x_.dtype)
        self._multiply("forward", problem, (x_, w_, y))
        return self._result(y, x)

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""
        g_, w_, _ = self._operands(problem, ("gy", gy, problem.y_shape), ("w", w, problem.w_shape))
        gx = self.device.empty(problem.x_shape, g_.dtype)
        self._multiply("grad_input", problem, (g_, w_, gx))
        return self._result(gx, gy)

    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW, shape ``problem.w_shape``; the sum over pixels in `splits` parts, added in a fixed order."""
        g_, x_, _ = self._operands(problem, ("gy", gy, problem.y_shape), ("x", x, problem.x_shape))
        vector, tile = self._choose("grad_weight", problem, g_.dtype.name, (g_, x_))
        splits, terms_each = self._split("grad_weight", problem, tile)
        partial = self.device.empty((splits, *problem.w_shape), SUMS[g_.dtype.name])
        self._product("grad_weight", problem, vector, tile, splits, g_, x_, partial, more=(np.int64(terms_each),))
        return self._result(self._sum_of_splits(partial, g_.dtype), gy)

    def _multiply(self, operator: Operator, problem: Problem, arrays: tuple[Array, Array, Array]) -> None:
        vector, tile = self._choose(operator, problem, arrays[0].dtype.name, arrays)
        self._product(operator, problem, vector, tile, 1, *arrays)

    def _choose(
        self, operator: Operator, problem: Problem, dtype: str, arrays: Iterable[Array]
    ) -> tuple[int, WarpTile]:
        """How many elements are moved together, and the tile: of the two the one whose last block ends first."""
        tiles = TILES[dtype]
        if not (self.vectors and takes_vectors(problem, arrays, VECTOR)):
            return 1, tiles["small"]
        if self.size is not None:
            return VECTOR, tiles[self.size]

        def cost(size: Size) -> float:
            tile = tiles[size]
            splits, terms = self._split(operator, problem, tile)
            waves = -(-Product.of(operator, problem).blocks(tile.m, tile.n) * splits // MULTIPROCESSORS)
            return waves * tile.m * tile.n * terms * (_SMALL_COSTS if size == "small" else 1)

        return VECTOR, tiles[min(SIZES, key=cost)]

    def _split(self, operator: Operator, problem: Problem, tile: WarpTile) -> tuple[int, int]:
        """How many splits, and how many terms each adds."""
        product = Product.of(operator, problem)
        if operator != "grad_weight":
            return 1, product.terms
        return product.split(tile.m, tile.n, tile.k, tile.resident, self.splits)

    def _product(
        self,
        operator: Operator,
        problem: Problem,
        vector: int,
        tile: WarpTile,
        splits: int,
        *arrays: Array,
        more: tuple[object, ...] = (),
    ) -> None:
        """One kernel: a block for each tile, part and split."""
        blocks = Product.of(operator, problem).grid(problem, tile.m, tile.n, splits)
        file, name = self._kernel(self._family(problem, vector), operator, arrays[0].dtype.name, vector, tile)
        self._launch(file, name, blocks, tile.threads, problem, *arrays, geometry.struct(problem), *more)

    def _family(self, problem: Problem, vector: int) -> str:
        """Whose kernels are launched."""
        return "warp_tiled"

    @staticmethod
    def _kernel(family: str, operator: Operator, dtype: str, vector: int, tile: WarpTile) -> tuple[str, str]:
        """File and name of an instance."""
        name = f"{family}_{operator}"
        return f"{name}.cu", f"{name}<{C_NAMES[dtype]}, {vector}, {tile.arguments()}>"
