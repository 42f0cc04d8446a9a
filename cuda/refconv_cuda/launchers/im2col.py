"""Explicit lowering: im2col, a matrix product by cuBLAS or NumPy, and col2im as a gather."""

from __future__ import annotations

import math
from collections.abc import Iterable

from refconv.lowering import columns_shape, from_pixel_matrices, from_weight_matrices, pixel_matrices, weight_matrices
from refconv.problem import Operator, Problem
from refconv_cuda import geometry
from refconv_cuda.device import Array
from refconv_cuda.launchers.instance import Instance
from refconv_cuda.launchers.on_device import C_NAMES, OnDevice, elementwise
from refconv_cuda.launchers.work import Work, least_elements, product_shape, tiled
from refconv_cuda.target import FILLING_BLOCKS

LIBRARY_TILE = (128, 128, 8)  # what cuBLAS, which does not say, is taken to use


class Im2col(OnDevice):
    """Explicit lowering: im2col, a matrix product by cuBLAS or NumPy, and col2im as a gather."""

    name = "im2col"
    dtypes = ("float32", "float64")  # matrix products of narrower ones would be rounded before col2im adds them

    def instances(self) -> Iterable[Instance]:
        """The copy kernels, one thread an element."""
        for dtype in self.dtypes:
            for kernel in ("im2col", "col2im"):
                yield elementwise(kernel, C_NAMES[dtype])

    def work(self, operator: Operator, problem: Problem, dtype: str) -> Work:
        """The library's product, at nearly its full rate, and the columns, written once and read once."""
        m, n, k = LIBRARY_TILE
        outputs, c_out, taps = product_shape("forward", problem)
        # Products of G and W are columns, too, and col2im adds them.
        shape = (outputs, taps, c_out) if operator == "grad_input" else product_shape(operator, problem)
        multiply_adds, blocks = tiled(shape, problem.groups, m=m, n=n, k=k)
        return Work(
            multiply_adds,
            least_elements(problem) + 2 * math.prod(columns_shape(problem)),
            max(blocks, FILLING_BLOCKS),  # the library splits long sums by itself
            pace=0.9,
            launches=2,
            note="columns stored",
        )

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
        self._elementwise(elementwise("im2col", real), columns.size, x, columns, geometry.struct(problem))
        return columns

    def _col2im(self, columns: Array, problem: Problem, real: str) -> Array:
        gx = self.device.empty(problem.x_shape, columns.dtype)
        self._elementwise(elementwise("col2im", real), gx.size, columns, gx, geometry.struct(problem))
        return gx
