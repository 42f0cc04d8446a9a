"""Implicit GEMM on tensor cores, in tf32, float16 and bfloat16, with sums in float32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from refconv.formats import format_of
from refconv.problem import Operator, Problem
from refconv_cuda.device import DeviceMissing
from refconv_cuda.launchers.instance import Instance
from refconv_cuda.launchers.tiled import Size, Tile, Tiled
from refconv_cuda.launchers.work import Work
from refconv_cuda.target import MULTIPROCESSORS

VECTOR_BYTES = 16  # that a thread moves together


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
        """How many blocks the target holds at a time, by their registers."""
        return MULTIPROCESSORS * (384 // self.threads)

    def arguments(self) -> str:
        """The template arguments, as in ``kernels/tensor_core.cuh``."""
        return f"{self.m}, {self.n}, {self.k}, {self.warp_m}, {self.warp_n}"

    def __str__(self) -> str:
        return f"{self.m}x{self.n}x{self.k}"


@dataclass(frozen=True)
class Number:
    """A format as the kernels know it. least: the first architecture whose tensor cores take it, as 80 for sm_80.

    A slice has as many bytes in each format.
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
_BY_STORAGE = {format_of(name).storage: number for name, number in NUMBERS.items()}


class TensorCore(Tiled):
    """Implicit GEMM on tensor cores. Arrays of float32 are tf32.

    It moves vectors of 16 bytes. Arguments as for `Tiled`.
    """

    name = "tensor-core"
    dtypes = tuple(NUMBERS)
    family = "tensor_core"
    small_costs = 1.5  # twice as much from L2, and a third more in a warp

    def least(self, name: str) -> int:
        """The first architecture that computes in the format of that name, as 80 for sm_80."""
        return NUMBERS[name].least

    def unavailable(self, name: str) -> str | None:
        """As for any launcher; and on a GPU the headers of wmma must be there."""
        reason = super().unavailable(name)
        if reason is not None or self.device.architecture is None:
            return reason
        small = NUMBERS[name].tiles["small"]
        kernel = self.instance(self.family, "forward", format_of(name).storage, 1, small)
        try:
            self.device.kernel(kernel.file, kernel.name)
        except DeviceMissing as missing:
            return str(missing)
        return None

    def stored(self) -> tuple[str, ...]:
        """float32 for tf32."""
        return tuple(_BY_STORAGE)

    def tiles(self, dtype: str) -> Mapping[Size, TensorTile]:
        """The format's."""
        return _BY_STORAGE[dtype].tiles

    def vector(self, dtype: str) -> int:
        """Eight halves or four floats."""
        return VECTOR_BYTES // format_of(dtype).itemsize

    def type_name(self, dtype: str) -> str:
        """As ``kernels/tensor_core.cuh`` knows the format."""
        return _BY_STORAGE[dtype].name

    def instance(self, family: str, operator: Operator, dtype: str, vector: int, tile: Tile) -> Instance:
        """The kernel for a vector and a tile, and from which architecture on there is one."""
        return replace(super().instance(family, operator, dtype, vector, tile), least=_BY_STORAGE[dtype].least)

    def work(self, operator: Operator, problem: Problem, dtype: str) -> Work:
        """The product in tiles, without the terms between strides."""
        # Half of what `Multistage` should reach: one slice is fetched while one is multiplied, through registers.
        return replace(self._work(operator, problem, format_of(dtype).storage, (0.28, 0.1)), tensor=True)
