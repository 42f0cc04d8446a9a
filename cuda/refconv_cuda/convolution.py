"""The implementations: checks, grid and launch around the kernels. What `refconv check` tests by default.

Both follow refconv's contract, ``forward(x, w, problem)``, ``grad_input(gy, w, problem)`` and
``grad_weight(gy, x, problem)``, for NumPy arrays in float32 or float64, contiguous or not. On the GPU they also take
CuPy arrays, and then return one. Each raises ``ValueError`` or ``TypeError`` naming the argument that is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from refconv.lowering import columns_shape, from_pixel_matrices, from_weight_matrices, pixel_matrices, weight_matrices
from refconv.problem import Problem
from refconv_cuda import device, geometry
from refconv_cuda.device import Array, Device

C_NAMES = {"float32": "float", "float64": "double"}
MOST_BLOCKS = 2**31 - 1  # of a grid's first dimension
ELEMENTWISE_THREADS = 128
ELEMENTWISE_BLOCKS = 2**16  # enough to fill any GPU; the kernels walk on in steps of the whole grid


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


class _OnDevice:
    """What the implementations share: the device, and the way in and out of it."""

    dtypes = tuple(C_NAMES)

    def __init__(self, device_: Device | None) -> None:
        self._chosen = device_

    @property
    def device(self) -> Device:
        return self._chosen if self._chosen is not None else device.find("auto")

    def _operands(
        self, problem: Problem, first: tuple[str, object, tuple[int, ...]], second: tuple[str, object, tuple[int, ...]]
    ) -> tuple[Array, Array, str]:
        """Both operands on the device, checked, and the C name of their type."""
        arrays = [self._operand(problem, *first), self._operand(problem, *second)]
        if arrays[0].dtype != arrays[1].dtype:
            raise TypeError(
                f"{second[0]} has dtype {arrays[1].dtype}, but must have that of {first[0]}, {arrays[0].dtype}"
            )
        return arrays[0], arrays[1], C_NAMES[arrays[0].dtype.name]

    def _operand(self, problem: Problem, name: str, value: object, shape: tuple[int, ...]) -> Array:
        geometry.struct(problem)  # a problem too large for the kernels is refused before anything is copied
        if not (isinstance(value, np.ndarray) or self.device.holds(value)):
            kind = f"{type(value).__module__}.{type(value).__name__}"
            raise TypeError(f"{name} is a {kind}, but the {self.device.name} device takes NumPy arrays")
        array: Any = value
        if array.dtype.name not in C_NAMES:
            raise TypeError(f"{name} has dtype {array.dtype}, but the kernels are for {', '.join(C_NAMES)}")
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, but the problem needs {shape}")
        return self.device.to_device(array)

    def _result(self, array: Array, like: object) -> Array:
        return array if self.device.holds(like) else self.device.to_host(array)

    def _elementwise(self, file: str, name: str, size: int, *arguments: object) -> None:
        """One thread an element, in as many rounds as it takes."""
        if size == 0:
            return
        blocks = min(-(-size // ELEMENTWISE_THREADS), ELEMENTWISE_BLOCKS)
        self.device.kernel(file, name)((blocks,), (ELEMENTWISE_THREADS,), arguments)


class Im2col(_OnDevice):
    """Explicit lowering: im2col, a matrix product by cuBLAS or NumPy, and col2im as a gather."""

    name = "im2col"

    def __init__(self, device_: Device | None = None) -> None:
        super().__init__(device_)

    def on(self, name: str) -> Im2col:
        """This implementation on a device of that name."""
        return Im2col(device.find(name))

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y = im2col(X) W, shape ``problem.y_shape``."""
        x_, w_, real = self._operands(problem, ("x", x, problem.x_shape), ("w", w, problem.w_shape))
        product = self.device.matmul(self._im2col(x_, problem, real), weight_matrices(w_, problem))
        return self._result(from_pixel_matrices(product, problem), x)

    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW = im2col(X)^T G, shape ``problem.w_shape``."""
        g_, x_, real = self._operands(problem, ("gy", gy, problem.y_shape), ("x", x, problem.x_shape))
        columns = self._im2col(x_, problem, real).transpose(0, 2, 1)
        product = self.device.matmul(columns, pixel_matrices(g_, problem))
        return self._result(from_weight_matrices(product, problem), gy)

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX = col2im(G W^T), shape ``problem.x_shape``."""
        g_, w_, real = self._operands(problem, ("gy", gy, problem.y_shape), ("w", w, problem.w_shape))
        weights = weight_matrices(w_, problem).transpose(0, 2, 1)
        product = self.device.to_device(self.device.matmul(pixel_matrices(g_, problem), weights))
        return self._result(self._col2im(product, problem, real), gy)

    def im2col(self, x: Array, problem: Problem) -> Array:
        """The columns, shape `refconv.lowering.columns_shape`."""
        x_ = self._operand(problem, "x", x, problem.x_shape)
        return self._result(self._im2col(x_, problem, C_NAMES[x_.dtype.name]), x)

    def col2im(self, cols: Array, problem: Problem) -> Array:
        """The adjoint of `im2col`, shape ``problem.x_shape``."""
        columns = self._operand(problem, "cols", cols, columns_shape(problem))
        return self._result(self._col2im(columns, problem, C_NAMES[columns.dtype.name]), cols)

    def _im2col(self, x: Array, problem: Problem, real: str) -> Array:
        columns = self.device.empty(columns_shape(problem), x.dtype)
        self._elementwise("im2col.cu", f"im2col<{real}>", columns.size, x, columns, geometry.struct(problem))
        return columns

    def _col2im(self, columns: Array, problem: Problem, real: str) -> Array:
        gx = self.device.empty(problem.x_shape, columns.dtype)
        self._elementwise("col2im.cu", f"col2im<{real}>", gx.size, columns, gx, geometry.struct(problem))
        return gx


class ImplicitGemm(_OnDevice):
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
        if splits is not None and splits < 1:
            raise ValueError(f"splits = {splits} must be at least 1")
        self.name = name
        self.tile = tile
        self.splits = splits

    def on(self, name: str) -> ImplicitGemm:
        """This implementation on a device of that name."""
        return ImplicitGemm(self.name, tile=self.tile, splits=self.splits, device_=device.find(name))

    @property
    def variants(self) -> dict[str, ImplicitGemm]:
        """The same operators with the other tile, and with the sum of grad_weight split, by name."""
        other = SMALL if self.tile == LARGE else LARGE
        made = {f"{splits} splits": (self.tile, splits) for splits in (2, 7)} | {f"tile {other}": (other, None)}
        return {
            name: ImplicitGemm(self.name, tile=tile, splits=splits, device_=self._chosen)
            for name, (tile, splits) in made.items()
        }

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        x_, w_, real = self._operands(problem, ("x", x, problem.x_shape), ("w", w, problem.w_shape))
        y = self.device.empty(problem.y_shape, x_.dtype)
        rows = problem.batch * problem.out_height * problem.out_width
        self._multiply("forward", real, problem, rows, problem.c_out_per_group, 1, (x_, w_, y))
        return self._result(y, x)

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""
        g_, w_, real = self._operands(problem, ("gy", gy, problem.y_shape), ("w", w, problem.w_shape))
        gx = self.device.empty(problem.x_shape, g_.dtype)
        rows = problem.batch * problem.height * problem.width
        self._multiply("grad_input", real, problem, rows, problem.c_in_per_group, 1, (g_, w_, gx))
        return self._result(gx, gy)

    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW, shape ``problem.w_shape``; the sum over pixels in `splits` parts, added in a fixed order."""
        g_, x_, real = self._operands(problem, ("gy", gy, problem.y_shape), ("x", x, problem.x_shape))
        rows, columns, terms = problem.terms("forward"), problem.c_out_per_group, problem.terms("grad_weight")
        splits, terms_each = self._split(self._blocks(rows, columns, problem.groups), terms)
        partial = self.device.empty((splits, *problem.w_shape), g_.dtype)
        self._multiply("grad_weight", real, problem, rows, columns, splits, (g_, x_, partial), (np.int64(terms_each),))
        if splits == 1:
            return self._result(partial[0], gy)
        gw = self.device.empty(problem.w_shape, g_.dtype)
        self._elementwise(
            *("implicit_gemm_grad_weight.cu", f"sum_splits<{real}>", gw.size),
            *(partial, gw, np.int64(gw.size), np.int32(splits)),
        )
        return self._result(gw, gy)

    def _multiply(
        self,
        operator: str,
        real: str,
        problem: Problem,
        rows: int,
        columns: int,
        splits: int,
        arrays: tuple[Array, Array, Array],
        more: tuple[object, ...] = (),
    ) -> None:
        """Launches one kernel: a block for each tile, group and split."""
        blocks = self._blocks(rows, columns, problem.groups) * splits
        if blocks > MOST_BLOCKS:
            raise ValueError(f"problem {problem} needs {blocks} blocks of {self.tile}, but a grid has {MOST_BLOCKS}")
        if blocks == 0:
            return
        kernel = self.device.kernel(
            f"implicit_gemm_{operator}.cu", f"implicit_gemm_{operator}<{real}, {self.tile.arguments()}>"
        )
        kernel((blocks,), (self.tile.threads,), (*arrays, geometry.struct(problem), *more))

    def _blocks(self, rows: int, columns: int, groups: int) -> int:
        return -(-rows // self.tile.m) * -(-columns // self.tile.n) * groups

    def _split(self, tiles: int, terms: int) -> tuple[int, int]:
        """How many splits, and how many terms each adds: whole slices, none empty."""
        slices = max(1, -(-terms // self.tile.k))
        wanted = self.splits if self.splits is not None else max(1, min(FILLING_BLOCKS // tiles, slices // 8))
        each = -(-slices // min(wanted, slices))
        return -(-slices // each), each * self.tile.k


FILLING_BLOCKS = 2 * 132  # two blocks for each multiprocessor of an H100

im2col = Im2col()
implicit_gemm = ImplicitGemm(tile=SMALL)
implicit_gemm_64 = ImplicitGemm("implicit-gemm-64", tile=LARGE)
