"""Implicit GEMM on tensor cores by mma.sync, from a ring of slices that cp.async fills: tf32, float16, bfloat16."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from refconv.formats import format_of
from refconv.problem import Operator, Problem
from refconv_cuda.device import VECTOR_BYTES
from refconv_cuda.launchers.instance import Instance
from refconv_cuda.launchers.tiled import Size, Tile, Tiled
from refconv_cuda.launchers.work import Work
from refconv_cuda.target import MULTIPROCESSORS

LEAST = 80  # the first architecture that has cp.async, and mma.sync in these shapes: sm_80
CHANNELS = 8  # of a group, or multiples: 16 bytes of halves, and a whole step of mma.sync in tf32


@dataclass(frozen=True)
class StageTile:
    """The tile of C that a block computes (m, n), its slices of the sum (k), and a warp's part (warp_m, warp_n).

    stages: slices in the ring. blocks: so many fit a multiprocessor, as the kernels' launch bounds promise.
    """

    m: int
    n: int
    k: int
    warp_m: int
    warp_n: int
    stages: int
    blocks: int

    @property
    def threads(self) -> int:
        return 32 * (self.m // self.warp_m) * (self.n // self.warp_n)

    @property
    def resident(self) -> int:
        """How many blocks the target holds at a time."""
        return MULTIPROCESSORS * self.blocks

    def arguments(self) -> str:
        """The template arguments, as in ``kernels/multistage.cuh``."""
        return f"{self.m}, {self.n}, {self.k}, {self.warp_m}, {self.warp_n}, {self.stages}, {self.blocks}"

    def __str__(self) -> str:
        return f"{self.m}x{self.n}x{self.k}"


def _tiles(k: int) -> dict[Size, StageTile]:
    return {
        "large": StageTile(128, 128, k, 64, 64, stages=3, blocks=2),
        "small": StageTile(64, 64, k, 32, 32, stages=4, blocks=4),
    }


# By what arrays are stored in: the kernels' name of the format, and tiles of as many bytes in each.
NAMES = {"float32": "Tf32", "float16": "__half", "bfloat16": "__nv_bfloat16"}
TILES = {"float32": _tiles(16), "float16": _tiles(32), "bfloat16": _tiles(32)}


class Multistage(Tiled):
    """Implicit GEMM on tensor cores by mma.sync. Arrays of float32 are tf32.

    It moves vectors of 16 bytes and nothing else, so it is for channels in multiples of `CHANNELS`. Arguments as for
    `Tiled`, with vectors always True.
    """

    name = "multistage"
    dtypes = ("tf32", "float16", "bfloat16")
    family = "multistage"
    small_costs = 1.8  # twice as much from shared memory, which then is what limits it
    vectors_only = True

    def least(self, name: str) -> int:
        """sm_80 in each format."""
        return LEAST

    def supports(self, problem: Problem) -> bool | str:
        """Channels of a group in multiples of `CHANNELS`."""
        for name, channels in (("c_in", problem.c_in_per_group), ("c_out", problem.c_out_per_group)):
            if channels % CHANNELS:
                return f"{name} / groups = {channels} must be a multiple of {CHANNELS}"
        return True

    def stored(self) -> tuple[str, ...]:
        """float32 for tf32."""
        return tuple(NAMES)

    def tiles(self, dtype: str) -> Mapping[Size, StageTile]:
        """The format's."""
        return TILES[dtype]

    def vector(self, dtype: str) -> int:
        """Eight halves or four floats."""
        return VECTOR_BYTES // format_of(dtype).itemsize

    def type_name(self, dtype: str) -> str:
        """As ``kernels/ptx.cuh`` knows the format."""
        return NAMES[dtype]

    def instance(self, family: str, operator: Operator, dtype: str, vector: int, tile: Tile) -> Instance:
        """The kernel for a tile; all move vectors."""
        name = f"{family}_{operator}"
        return Instance(f"{name}.cu", f"{name}<{self.type_name(dtype)}, {tile.arguments()}>", tile.threads, LEAST)

    def work(self, operator: Operator, problem: Problem, dtype: str) -> Work:
        """The product in tiles, without the terms between strides."""
        # An expectation, as all paces are: some 0.6 of an H100's rate is all that mma.sync reaches there.
        return replace(self._work(operator, problem, format_of(dtype).storage, (0.55, 0.55)), tensor=True)
