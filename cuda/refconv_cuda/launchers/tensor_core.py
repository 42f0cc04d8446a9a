"""Implicit GEMM on tensor cores, in tf32, float16 and bfloat16, with sums in float32."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from refconv.formats import format_of
from refconv.problem import OPERATORS, Operator, Problem
from refconv_cuda import geometry
from refconv_cuda.device import Array, Device, DeviceMissing
from refconv_cuda.launchers.gathered import Product, takes_vectors
from refconv_cuda.launchers.instance import Instance
from refconv_cuda.launchers.on_device import OnDevice, sum_of_splits
from refconv_cuda.launchers.work import Work, least_elements, tiled_product

MULTIPROCESSORS = 132  # of an H100
VECTOR_BYTES = 16  # that a thread moves together
Size = Literal["large", "small"]
SIZES: tuple[Size, ...] = ("large", "small")


@dataclass(frozen=True)
class TensorTile:
    """The tile of C that a block computes (m, n), its slices of the sum (k), and a warp's part (warp_m, warp_n)."""

    m: int
    n: int
    k: int
    warp_m: int
    warp_n: int

    @property
    def threads(self) -> int:
        return 32 * (self.m // self.warp_m) * (self.n // self.warp_n)

    @property
    def resident(self) -> int:
        """How many blocks an H100 holds at a time, by their registers."""
        return MULTIPROCESSORS * (384 // self.threads)

    def arguments(self) -> str:
        """The template arguments, as in ``kernels/tensor_core.cuh``."""
        return f"{self.m}, {self.n}, {self.k}, {self.warp_m}, {self.warp_n}"

    def __str__(self) -> str:
        return f"{self.m}x{self.n}x{self.k}"


@dataclass(frozen=True)
class Number:
    """A format as the kernels know it. least: the first architecture whose tensor cores take it, as 80 for sm_80.

    The larger tile reads least from memory, the smaller one leaves least of itself and of the machine idle. A slice
    has as many bytes in each format.
    """

    name: str
    least: int
    tiles: dict[Size, TensorTile]


_HALVES: dict[Size, TensorTile] = {"large": TensorTile(128, 128, 32, 64, 32), "small": TensorTile(64, 64, 32, 32, 32)}
_FLOATS: dict[Size, TensorTile] = {"large": TensorTile(128, 128, 16, 64, 32), "small": TensorTile(64, 64, 16, 32, 32)}
NUMBERS = {
    "tf32": Number("Tf32", 80, _FLOATS),
    "float16": Number("__half", 70, _HALVES),
    "bfloat16": Number("__nv_bfloat16", 80, _HALVES),
}
_BY_STORAGE = {format_of(name).storage: name for name in NUMBERS}
_SMALL_COSTS = 1.5  # of a multiply-add in the smaller tile: it reads twice as much from L2, and a third more in a warp


class TensorCore(OnDevice):
    """Implicit GEMM on tensor cores. Arrays of float32 are tf32.

    size: which of the two tiles; None chooses by the problem. vectors: False moves single elements, and then the tile
    is the smaller one, as it is where channels or addresses are no multiples of 16 bytes. splits: into how many parts
    grad_weight divides its sum; None chooses by the problem.
    """

    dtypes = tuple(NUMBERS)

    def __init__(
        self,
        name: str = "tensor-core",
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

    def least(self, name: str) -> int:
        """The first architecture that computes in the format of that name, as 80 for sm_80."""
        return NUMBERS[name].least

    def unavailable(self, name: str) -> str | None:
        """As for any launcher; and on a GPU the headers of wmma must be there."""
        reason = super().unavailable(name)
        if reason is not None or self.device.architecture is None:
            return reason
        try:
            self.device.kernel(*self._kernel("forward", name, 1, NUMBERS[name].tiles["small"]))
        except DeviceMissing as missing:
            return str(missing)
        return None

    def instances(self) -> Iterable[Instance]:
        """Each operator with both tiles, the smaller one also in single elements, and the sum over splits."""
        for dtype, number in NUMBERS.items():
            vector = _vector(dtype)
            for operator in OPERATORS:
                large, small = (number.tiles[size] for size in SIZES)
                for tile, count in ((large, vector), (small, vector), (small, 1)):
                    yield Instance(*self._kernel(operator, dtype, count, tile), tile.threads, number.least)
            yield sum_of_splits(format_of(dtype).storage)

    @property
    def variants(self) -> dict[str, TensorCore]:
        """The same operators with each tile, in single elements, and with the sum of grad_weight split, by name."""
        return {
            "large tiles": self._variant(size="large"),
            "small tiles": self._variant(size="small"),
            "single elements": self._variant(vectors=False),
            "2 splits": self._variant(splits=2),
            "7 splits": self._variant(splits=7),
        }

    def _variant(self, *, size: Size | None = None, vectors: bool = True, splits: int | None = None) -> TensorCore:
        return type(self)(self.name, size=size, vectors=vectors, splits=splits, device_=self._chosen)

    def work(self, operator: Operator, problem: Problem) -> Work:
        """The product in tiles, without the terms between strides."""
        vector, tile = self._choose(operator, problem, "float16", ())
        splits, _ = self._split(operator, problem, tile)
        multiply_adds, blocks = tiled_product(
            operator, problem, m=tile.m, n=tile.n, k=tile.k, splits=splits, dense=True
        )
        partial = 2 * splits * math.prod(problem.w_shape) if operator == "grad_weight" else 0
        note = (
            f"tile {tile}" + (f", {splits} splits" if splits > 1 else "") + ("" if vector > 1 else ", single elements")
        )
        return Work(
            multiply_adds,
            least_elements(problem) + partial,
            blocks,
            pace=0.5 if vector > 1 else 0.1,
            launches=1 + (operator == "grad_weight"),
            tensor=True,
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
        dtype = _BY_STORAGE[g_.dtype.name]
        vector, tile = self._choose("grad_weight", problem, dtype, (g_, x_))
        splits, terms_each = self._split("grad_weight", problem, tile)
        partial = self.device.empty((splits, *problem.w_shape), "float32")
        self._product(
            "grad_weight", problem, dtype, vector, tile, splits, g_, x_, partial, more=(np.int64(terms_each),)
        )
        return self._result(self._sum_of_splits(partial, g_.dtype), gy)

    def _multiply(self, operator: Operator, problem: Problem, arrays: tuple[Array, Array, Array]) -> None:
        dtype = _BY_STORAGE[arrays[0].dtype.name]
        vector, tile = self._choose(operator, problem, dtype, arrays)
        self._product(operator, problem, dtype, vector, tile, 1, *arrays)

    def _choose(
        self, operator: Operator, problem: Problem, dtype: str, arrays: Iterable[Array]
    ) -> tuple[int, TensorTile]:
        """How many elements are moved together, and the tile: of the two the one whose last block ends first."""
        tiles, vector = NUMBERS[dtype].tiles, _vector(dtype)
        if not (self.vectors and takes_vectors(problem, arrays, vector)):
            return 1, tiles["small"]
        if self.size is not None:
            return vector, tiles[self.size]

        def cost(size: Size) -> float:
            tile = tiles[size]
            splits, terms = self._split(operator, problem, tile)
            waves = -(-Product.of(operator, problem).blocks(tile.m, tile.n) * splits // MULTIPROCESSORS)
            return waves * tile.m * tile.n * terms * (_SMALL_COSTS if size == "small" else 1)

        return vector, tiles[min(SIZES, key=cost)]

    def _split(self, operator: Operator, problem: Problem, tile: TensorTile) -> tuple[int, int]:
        """How many splits, and how many terms each adds."""
        product = Product.of(operator, problem)
        if operator != "grad_weight":
            return 1, product.terms
        return product.split(tile.m, tile.n, tile.k, tile.resident, self.splits)

    def _product(
        self,
        operator: Operator,
        problem: Problem,
        dtype: str,
        vector: int,
        tile: TensorTile,
        splits: int,
        *arrays: Array,
        more: tuple[object, ...] = (),
    ) -> None:
        """One kernel: a block for each tile, part and split."""
        blocks = Product.of(operator, problem).grid(problem, tile.m, tile.n, splits)
        file, name = self._kernel(operator, dtype, vector, tile)
        self._launch(file, name, blocks, tile.threads, problem, *arrays, geometry.struct(problem), *more)

    def _kernel(self, operator: Operator, dtype: str, vector: int, tile: TensorTile) -> tuple[str, str]:
        """File and name of an instance."""
        name = f"tensor_core_{operator}"
        return f"{name}.cu", f"{name}<{NUMBERS[dtype].name}, {vector}, {tile.arguments()}>"


def _vector(dtype: str) -> int:
    """How many elements of a format are moved together."""
    return VECTOR_BYTES // format_of(dtype).dtype.itemsize
