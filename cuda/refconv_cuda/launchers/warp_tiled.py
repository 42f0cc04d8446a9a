"""Implicit GEMM by warp tiles: vector accesses, two buffers, and no term multiplied that stride makes a zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from refconv.problem import Operator, Problem
from refconv_cuda.launchers.on_device import C_NAMES
from refconv_cuda.launchers.tiled import Size, Tiled
from refconv_cuda.launchers.work import Work
from refconv_cuda.target import MULTIPROCESSORS

VECTOR = 4  # neighbours that a thread moves together


@dataclass(frozen=True)
class WarpTile:
    """The tile of C that a block computes (m, n), its slices of the sum (k), and how lanes share it out.

    rows, columns: of a lane's patch, in whole accesses of 16 bytes. lanes_m: so many of a warp's 32 lanes lie below one
    another. blocks: so many fit a multiprocessor, as the kernels' launch bounds promise.
    """

    m: int
    n: int
    k: int
    rows: int
    columns: int
    lanes_m: int
    blocks: int

    @property
    def threads(self) -> int:
        return (self.m // self.rows) * (self.n // self.columns)

    @property
    def resident(self) -> int:
        """How many blocks the target holds at a time."""
        return MULTIPROCESSORS * self.blocks

    def arguments(self) -> str:
        """The template arguments, as in ``kernels/warp_tile.cuh``."""
        return f"{self.m}, {self.n}, {self.k}, {self.rows}, {self.columns}, {self.lanes_m}"

    def __str__(self) -> str:
        return f"{self.m}x{self.n}x{self.k}"


# A double takes two registers, so its tiles have a quarter of the elements, and the sums of a patch fit beside its
# operands.
TILES: dict[str, dict[Size, WarpTile]] = {
    "float32": {"large": WarpTile(128, 128, 8, 8, 8, 8, blocks=2), "small": WarpTile(64, 64, 8, 8, 4, 4, blocks=4)},
    "float64": {"large": WarpTile(64, 64, 8, 8, 4, 4, blocks=3), "small": WarpTile(32, 32, 8, 4, 4, 8, blocks=6)},
}


class WarpTiled(Tiled):
    """Implicit GEMM by warp tiles: vector accesses, two buffers, and no term multiplied that stride makes a zero.

    It moves vectors of four elements. Arguments as for `Tiled`.
    """

    name = "warp-tiled"
    dtypes = tuple(TILES)
    family = "warp_tiled"
    small_costs = 1.25  # half as much more from shared memory

    def tiles(self, dtype: str) -> Mapping[Size, WarpTile]:
        """The dtype's."""
        return TILES[dtype]

    def vector(self, dtype: str) -> int:
        """Four, in each dtype."""
        return VECTOR

    def type_name(self, dtype: str) -> str:
        """float or double."""
        return C_NAMES[dtype]

    def work(self, operator: Operator, problem: Problem, dtype: str) -> Work:
        """The product in tiles, without the terms between strides."""
        return self._work(operator, problem, dtype, (0.85, 0.6))
