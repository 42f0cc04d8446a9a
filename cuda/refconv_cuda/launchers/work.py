"""What a launch has to do, for the one who chooses among kernels: counted from the problem, before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from refconv.problem import Operator, Problem


@dataclass(frozen=True)
class Work:
    """One operator on one problem by one kernel.

    multiply_adds: those carried out, with what tails and zeros waste. elements: read from and written to the device's
    memory, each counted as often as it must come from there. blocks: of the largest grid. launches: kernels, one after
    the other. pace: which part of the machine's rate such a kernel is expected to reach where all multiprocessors
    are busy. tensor: whether the multiply-adds are those of tensor cores. note: the tile, or how else it is done.
    """

    multiply_adds: int
    elements: int
    blocks: int
    pace: float
    launches: int = 1
    tensor: bool = False
    note: str = ""


def divide_up(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


def share_out(parts: int, wanted: int) -> tuple[int, int]:
    """Into how many splits a sum of so many parts is divided, and how many each has: at most ``wanted``, none empty."""
    parts = max(1, parts)
    each = divide_up(parts, max(1, min(wanted, parts)))
    return divide_up(parts, each), each


def least_elements(problem: Problem) -> int:
    """Elements of X, W and Y: every operator reads two of them once, and writes the third."""
    return sum(math.prod(shape) for shape in (problem.x_shape, problem.w_shape, problem.y_shape))


def product_shape(operator: Operator, problem: Problem) -> tuple[int, int, int]:
    """Rows, columns and terms of an operator's matrix product, of one group, as the implicit GEMM has them."""
    p = problem
    outputs, inputs = p.batch * p.out_height * p.out_width, p.batch * p.height * p.width
    taps = p.kernel.height * p.kernel.width
    if operator == "forward":
        return outputs, p.c_out_per_group, taps * p.c_in_per_group
    if operator == "grad_input":
        return inputs, p.c_in_per_group, taps * p.c_out_per_group
    return taps * p.c_in_per_group, p.c_out_per_group, outputs


def dense_product_shape(operator: Operator, problem: Problem) -> tuple[int, int, int]:
    """The same, where a strided grad_input has no terms between its strides."""
    rows, columns, terms = product_shape(operator, problem)
    between = problem.stride.height * problem.stride.width if operator == "grad_input" else 1
    return rows, columns, divide_up(terms, between)


def tiled(shape: tuple[int, int, int], products: int, *, m: int, n: int, k: int) -> tuple[int, int]:
    """Multiply-adds and tiles of so many products in m x n tiles and slices of k: tails count as if they were whole."""
    rows, columns, terms = shape
    tiles = divide_up(rows, m) * divide_up(columns, n) * products
    return tiles * m * n * divide_up(terms, k) * k, tiles
