"""Which elements of a result hold a given element of an operand in their sums: enumerated from the index maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refconv.operands import Array
from refconv.problem import Operator, Problem


@dataclass(frozen=True)
class Reach:
    """Boolean arrays of the result's shape.

    must: some term of the sum holds the element. may: none does, but an implementation that multiplies explicit zeros,
    of a padding or between the rows of a dilated G, has one that does.
    """

    must: Array
    may: Array


def reach(operator: Operator, operand: str, index: tuple[int, ...], problem: Problem) -> Reach:
    """Where the element ``index`` of ``operand`` ("x", "w" or "gy") goes in the result of ``operator``."""
    shape = problem.result_shape(operator)
    must, may = np.zeros(shape, bool), np.zeros(shape, bool)
    down, across = _read(problem, 0), _read(problem, 1)
    p, l = problem.c_in_per_group, problem.c_out_per_group
    if operand == "w":
        m, n, tap_channel, output = index
        group = output // l
    elif operand == "x":
        _, _, _, channel = index
        group = channel // p
    else:
        _, _, _, output = index
        group = output // l
    inputs, outputs = slice(group * p, (group + 1) * p), slice(group * l, (group + 1) * l)

    if operator == "forward" and operand == "x":
        i, u, v, _ = index
        must[i, :, :, outputs] = _plane((down == u).any(1), (across == v).any(1))
    elif operator == "forward":
        must[..., output] = _plane(_inside(down[:, m], problem.height), _inside(across[:, n], problem.width))[..., 0]
        may[..., output] = True
    elif operator == "grad_input" and operand == "gy":
        i, j, k, _ = index
        rows, columns = np.arange(problem.height), np.arange(problem.width)
        must[i, :, :, inputs] = _plane(np.isin(rows, down[j]), np.isin(columns, across[k]))
        may[i, :, :, inputs] = True  # a full convolution pads W, too
    elif operator == "grad_input":
        rows, columns = np.arange(problem.height), np.arange(problem.width)
        source = group * p + tap_channel
        must[..., source] = _plane(np.isin(rows, down[:, m]), np.isin(columns, across[:, n]))[..., 0]
        may[..., source] = True
    elif operand == "gy":
        _, j, k, _ = index
        must[..., output] = _plane(_inside(down[j], problem.height), _inside(across[k], problem.width))
        may[..., output] = True
    else:
        _, u, v, channel = index
        must[:, :, channel % p, outputs] = _plane((down == u).any(0), (across == v).any(0))
        may[:, :, channel % p, outputs] = True
    return Reach(must, may & ~must)


def _read(problem: Problem, axis: int) -> Array:
    """y(j, m) = j s + m d - pad before, for all j and m of one axis: [out, a]."""
    out = (problem.out_height, problem.out_width)[axis]
    before = (problem.padding.top, problem.padding.left)[axis]
    taps = np.arange(problem.kernel[axis]) * problem.dilation[axis]
    return np.arange(out)[:, None] * problem.stride[axis] + taps - before


def _inside(rows: Array, size: int) -> Array:
    return (rows >= 0) & (rows < size)


def _plane(rows: Array, columns: Array) -> Array:
    """[rows, columns, 1]: true where both are."""
    return np.outer(rows, columns)[..., None]
