"""1x1 kernels as a plain matrix product by warp tiles: without a division, a bounds check or a walk along taps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from refconv.problem import OPERATORS, Operator, Problem
from refconv_cuda.launchers.instance import Instance
from refconv_cuda.launchers.tiled import SIZES
from refconv_cuda.launchers.warp_tiled import TILES, VECTOR, WarpTiled
from refconv_cuda.launchers.work import Work


class Pointwise(WarpTiled):
    """1x1 kernels as a plain matrix product by warp tiles.

    Without stride and padding, a pixel's number is its row in X as in Y; that is where it has kernels of its own. The
    other 1x1 problems, and channels that are no multiples of four, are `WarpTiled`'s, one tap each.
    """

    name = "pointwise"

    def supports(self, problem: Problem) -> bool | str:
        """True for 1x1 kernels."""
        if problem.kernel == (1, 1):
            return True
        return f"kernel = {problem.kernel.height}x{problem.kernel.width} must be 1x1"

    def instances(self) -> Iterable[Instance]:
        """Each operator with both tiles, and those of `WarpTiled` for the rest."""
        yield from super().instances()
        for dtype in self.dtypes:
            for operator in OPERATORS:
                for tile in (TILES[dtype][size] for size in SIZES):
                    yield self.instance("pointwise", operator, dtype, VECTOR, tile)

    def work(self, operator: Operator, problem: Problem, dtype: str) -> Work:
        """That of `WarpTiled`, at a slightly better pace where nothing is gathered."""
        work = super().work(operator, problem, dtype)
        plain = self.family_for(problem, VECTOR) == "pointwise"
        return replace(work, pace=0.88) if plain and work.pace > 0.8 else work

    def family_for(self, problem: Problem, vector: int) -> str:
        """Its own kernels for dense problems, in vectors."""
        dense = problem.stride == (1, 1) and problem.padding == (0, 0, 0, 0)
        return "pointwise" if dense and vector == VECTOR else self.family
