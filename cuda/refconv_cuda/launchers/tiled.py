"""What the launchers of gathered matrix products in tiles share: the choice of tile, vectors and splits, the launch.

Their kernels take the operands, the result, the problem and, for grad_weight, the terms of a split (``kernels/
gather.cuh``), and are instances of ``<family>_<operator>`` for a type, a vector and a tile.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Literal, Protocol, Self

import numpy as np

from refconv.problem import OPERATORS, Operator, Problem
from refconv_cuda import geometry
from refconv_cuda.device import Array, Device
from refconv_cuda.launchers.gathered import Product, takes_vectors
from refconv_cuda.launchers.instance import Instance
from refconv_cuda.launchers.on_device import SUMS, OnDevice, checked_splits, sum_of_splits
from refconv_cuda.launchers.work import Work, dense_product_shape, divide_up, least_elements, tiled
from refconv_cuda.target import MULTIPROCESSORS

Size = Literal["large", "small"]
SIZES: tuple[Size, ...] = ("large", "small")


class Tile(Protocol):
    """The tile of C that a block computes, and its slices of the sum; `str` is what people are told."""

    @property
    def m(self) -> int: ...
    @property
    def n(self) -> int: ...
    @property
    def k(self) -> int: ...

    @property
    def threads(self) -> int:
        """Of a block."""

    @property
    def resident(self) -> int:
        """How many blocks the target holds at a time."""

    def arguments(self) -> str:
        """The template arguments."""


class Tiled(OnDevice):
    """A gathered matrix product in tiles of two sizes.

    The larger tile reads least from memory, the smaller one leaves least of itself and of the machine idle. size: which
    of them; None chooses by the problem. vectors: False moves single elements, and then the tile is the smaller one, as
    it is where channels or addresses do not allow for vectors. splits: into how many parts grad_weight divides its sum;
    None chooses by the problem.
    """

    family: str
    small_costs: float  # a multiply-add in the smaller tile, of one in the larger: it reads more for each
    vectors_only = False  # whether a problem that does not allow for vectors is refused

    def __init__(
        self,
        *,
        size: Size | None = None,
        vectors: bool = True,
        splits: int | None = None,
        device_: Device | None = None,
    ) -> None:
        super().__init__(device_)
        if size is not None and size not in SIZES:
            raise ValueError(f"size = {size!r} must be one of {', '.join(SIZES)}")
        if self.vectors_only and not vectors:
            raise ValueError(f"vectors = {vectors} must be True: {self.name} moves nothing else")
        self.size = size
        self.vectors = vectors
        self.splits = checked_splits(splits)

    # -- what a family says of itself; ``dtype``: that of the arrays ----------------------------------------

    @abstractmethod
    def tiles(self, dtype: str) -> Mapping[Size, Tile]:
        """Both tiles."""

    @abstractmethod
    def vector(self, dtype: str) -> int:
        """How many elements its kernels move together."""

    @abstractmethod
    def type_name(self, dtype: str) -> str:
        """The first template argument."""

    def stored(self) -> tuple[str, ...]:
        """The dtypes of its arrays."""
        return self.dtypes

    def family_for(self, problem: Problem, vector: int) -> str:
        """Whose kernels are launched."""
        return self.family

    # -- as any launcher ------------------------------------------------------------------------------------

    def instances(self) -> Iterable[Instance]:
        """Each operator with both tiles, the smaller one also in single elements, if any; and the sum over splits."""
        for dtype in self.stored():
            large, small = (self.tiles(dtype)[size] for size in SIZES)
            vector = self.vector(dtype)
            for operator in OPERATORS:
                for tile, count in ((large, vector), (small, vector), (small, 1)):
                    if count > 1 or not self.vectors_only:
                        yield self.instance(self.family, operator, dtype, count, tile)
            yield sum_of_splits(dtype)

    @property
    def variants(self) -> dict[str, Self]:
        """The same operators with each tile, in single elements, and with the sum of grad_weight split, by name."""
        return {
            "large tiles": self._variant(size="large"),
            "small tiles": self._variant(size="small"),
            **({} if self.vectors_only else {"single elements": self._variant(vectors=False)}),
            "2 splits": self._variant(splits=2),
            "7 splits": self._variant(splits=7),
        }

    def _variant(self, *, size: Size | None = None, vectors: bool = True, splits: int | None = None) -> Self:
        return type(self)(size=size, vectors=vectors, splits=splits, device_=self._chosen)

    def _work(self, operator: Operator, problem: Problem, dtype: str, paces: tuple[float, float]) -> Work:
        """The product in tiles, without the terms between strides. paces: in vectors, and in single elements."""
        vector, tile = self._choose(operator, problem, dtype, ())
        splits, _ = self._split(operator, problem, tile)
        shape = dense_product_shape(operator, problem)
        multiply_adds, tiles = tiled(shape, problem.groups, m=tile.m, n=tile.n, k=tile.k)
        added = splits > 1 or (operator == "grad_weight" and SUMS[dtype] != dtype)  # by a kernel of its own
        return Work(
            multiply_adds,
            least_elements(problem) + (2 * splits * math.prod(problem.w_shape) if added else 0),
            tiles * splits,
            pace=paces[0] if vector > 1 else paces[1],
            launches=1 + added,
            note=", ".join(
                [f"tile {tile}"]
                + ([f"{splits} splits"] if splits > 1 else [])
                + ([] if vector > 1 else ["single elements"])
            ),
        )

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        x_, w_, _ = self._operands(problem, ("x", x, problem.x_shape), ("w", w, problem.w_shape))
        y = self.device.empty(problem.y_shape, x_.dtype)
        self._multiply("forward", problem, x_, w_, y)
        return self._result(y, x)

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""
        g_, w_, _ = self._operands(problem, ("gy", gy, problem.y_shape), ("w", w, problem.w_shape))
        gx = self.device.empty(problem.x_shape, g_.dtype)
        self._multiply("grad_input", problem, g_, w_, gx)
        return self._result(gx, gy)

    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW, shape ``problem.w_shape``; the sum over pixels in `splits` parts, added in a fixed order."""
        g_, x_, _ = self._operands(problem, ("gy", gy, problem.y_shape), ("x", x, problem.x_shape))
        vector, tile = self._choose("grad_weight", problem, g_.dtype.name, (g_, x_))
        splits, terms_each = self._split("grad_weight", problem, tile)
        partial = self.device.empty((splits, *problem.w_shape), SUMS[g_.dtype.name])
        self._product("grad_weight", problem, vector, tile, splits, g_, x_, partial, more=(np.int64(terms_each),))
        return self._result(self._sum_of_splits(partial, g_.dtype), gy)

    def _multiply(self, operator: Operator, problem: Problem, *arrays: Array) -> None:
        vector, tile = self._choose(operator, problem, arrays[0].dtype.name, arrays)
        self._product(operator, problem, vector, tile, 1, *arrays)

    def _choose(self, operator: Operator, problem: Problem, dtype: str, arrays: Iterable[Array]) -> tuple[int, Tile]:
        """How many elements are moved together, and the tile: of the two the one whose last block ends first."""
        tiles, vector = self.tiles(dtype), self.vector(dtype)
        if not (self.vectors and takes_vectors(problem, arrays, vector)):
            return 1, tiles["small"]
        if self.size is not None:
            return vector, tiles[self.size]

        def cost(size: Size) -> float:
            tile = tiles[size]
            splits, terms = self._split(operator, problem, tile)
            waves = divide_up(Product.of(operator, problem).blocks(tile.m, tile.n) * splits, MULTIPROCESSORS)
            return waves * tile.m * tile.n * terms * (self.small_costs if size == "small" else 1)

        return vector, tiles[min(SIZES, key=cost)]

    def _split(self, operator: Operator, problem: Problem, tile: Tile) -> tuple[int, int]:
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
        tile: Tile,
        splits: int,
        *arrays: Array,
        more: tuple[object, ...] = (),
    ) -> None:
        """One kernel: a block for each tile, part and split."""
        blocks = Product.of(operator, problem).blocks(tile.m, tile.n) * splits
        family = self.family_for(problem, vector)
        kernel = self.instance(family, operator, arrays[0].dtype.name, vector, tile)
        arguments = (*arrays, geometry.struct(problem), *more)
        self._launch(kernel, blocks, problem, *arguments, tile=f"{tile.m}x{tile.n}")

    def instance(self, family: str, operator: Operator, dtype: str, vector: int, tile: Tile) -> Instance:
        """The kernel for a vector and a tile."""
        name = f"{family}_{operator}"
        return Instance(f"{name}.cu", f"{name}<{self.type_name(dtype)}, {vector}, {tile.arguments()}>", tile.threads)
