"""Geometry cells: the corners of the problem space where convolutions have broken.

A cell is a name for a kind of problem; a suite that never reaches a cell has not tested it. The measured
coverage is a count per cell.
"""

from __future__ import annotations

from collections.abc import Callable

from refconv.problem import Problem

Predicate = Callable[[Problem], bool]

EDGES = (16, 32, 64)  # of the tiles that kernels are cut into

CELLS: dict[str, Predicate] = {
    "remainder 0": lambda p: p.remainder == (0, 0),
    "remainder > 0": lambda p: p.remainder.height > 0 or p.remainder.width > 0,
    "stride < kernel": lambda p: _any_axis(p, lambda s, a: s < a),
    "stride = kernel": lambda p: _any_axis(p, lambda s, a: s == a),
    "stride > kernel": lambda p: _any_axis(p, lambda s, a: s > a),
    "padding 0": lambda p: sum(p.padding) == 0,
    "padding < kernel": lambda p: 0 < max(p.padding) < min(p.kernel),
    "padding >= kernel": lambda p: _any_padding_reaches_kernel(p),
    "kernel 1x1": lambda p: p.kernel == (1, 1),
    "kernel even": lambda p: p.kernel.height % 2 == 0 or p.kernel.width % 2 == 0,
    "kernel odd > 1": lambda p: any(a % 2 == 1 and a > 1 for a in p.kernel),
    "kernel = input": lambda p: p.kernel_extent == (p.height, p.width),
    "one row": lambda p: p.height == 1,
    "one column": lambda p: p.width == 1,
    "asymmetric stride": lambda p: p.stride.height != p.stride.width,
    "asymmetric padding": lambda p: p.padding.top != p.padding.bottom or p.padding.left != p.padding.right,
    "asymmetric dilation": lambda p: p.dilation.height != p.dilation.width,
    "asymmetric kernel": lambda p: p.kernel.height != p.kernel.width,
    "asymmetric input": lambda p: p.height != p.width,
    "dilation > 1": lambda p: max(p.dilation) > 1,
    "stride and dilation > 1": lambda p: max(p.dilation) > 1 and max(p.stride) > 1,
    "groups 1": lambda p: p.groups == 1,
    "groups > 1": lambda p: 1 < p.groups < p.c_in,
    "depthwise": lambda p: 1 < p.groups == p.c_in,
    "groups and stride > 1": lambda p: p.groups > 1 and max(p.stride) > 1,
    "batch 0": lambda p: p.batch == 0,
    "batch 1": lambda p: p.batch == 1,
    "batch > 1": lambda p: p.batch > 1,
    "one channel": lambda p: p.c_in == 1 and p.c_out == 1,
    "channels > 4": lambda p: p.c_in > 4 or p.c_out > 4,
    "batch > 4": lambda p: p.batch > 4,
    "channels one off 4n": lambda p: any(c > 4 and c % 4 in (1, 3) for c in (p.c_in, p.c_out)),
    "channels one off 8n": lambda p: any(c > 8 and c % 8 in (1, 7) for c in (p.c_in, p.c_out)),
    "channels 8n": lambda p: p.c_in % 8 == 0 or p.c_out % 8 == 0,
    "size at a tile's edge": lambda p: any(size in EDGES for size in _sizes(p)),
    "size below a tile's edge": lambda p: any(size + 1 in EDGES for size in _sizes(p)),
    "size above a tile's edge": lambda p: any(size - 1 in EDGES for size in _sizes(p)),
    "about 64 pixels": lambda p: abs(p.out_height * p.out_width - 64) <= 1,
    "about 256 pixels": lambda p: abs(p.out_height * p.out_width - 256) <= 1,
    "about 1024 pixels": lambda p: abs(p.out_height * p.out_width - 1024) <= 1,
}


def cells(problem: Problem) -> list[str]:
    """The names of the cells that ``problem`` lies in."""
    return [name for name, holds in CELLS.items() if holds(problem)]


def exchanged(problem: Problem) -> Problem:
    """The problem with height and width exchanged throughout."""
    top, bottom, left, right = problem.padding
    return problem.replace(
        height=problem.width,
        width=problem.height,
        kernel=problem.kernel[::-1],
        stride=problem.stride[::-1],
        dilation=problem.dilation[::-1],
        padding=(left, right, top, bottom),
    )


def _sizes(problem: Problem) -> tuple[int, ...]:
    return (problem.batch, problem.height, problem.width, problem.c_in, problem.c_out)


def _any_axis(problem: Problem, holds: Callable[[int, int], bool]) -> bool:
    return any(holds(s, a) for s, a in zip(problem.stride, problem.kernel, strict=True))


def _any_padding_reaches_kernel(problem: Problem) -> bool:
    top, bottom, left, right = problem.padding
    return max(top, bottom) >= problem.kernel.height or max(left, right) >= problem.kernel.width
