"""Convolutions with few input or output channels, as at both ends of a network: patches of pixels in shared memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from refconv.problem import OPERATORS, Operator, Problem
from refconv_cuda import geometry
from refconv_cuda.device import Array, Device
from refconv_cuda.launchers.instance import Instance
from refconv_cuda.launchers.on_device import C_NAMES, SUMS, OnDevice, checked_splits, sum_of_splits
from refconv_cuda.launchers.work import Work, divide_up, least_elements, share_out
from refconv_cuda.target import FILLING_BLOCKS

# As in kernels/few_channels.cuh.
FEW = 4  # the most channels that count as few
COLUMNS = 64  # of many channels: what a block computes
RUN = 8  # of many channels: what a block stages at once
THREADS = 128
ROWS_EACH, WORKERS = 8, 16  # of the gradient by W with few input channels: rows of a worker, workers of a block


@dataclass(frozen=True)
class Room:
    """The most pixels that a block computes, and the most that it stages for them."""

    pixels: int
    patch: int

    def share(self, dtype: str) -> Room:
        """The same for a dtype whose sums take another room than float32."""
        factor = np.dtype(SUMS[dtype]).itemsize // 4
        return Room(self.pixels // factor, self.patch // factor)


# By operator, for few input and for few output channels.
TO_MANY, TO_FEW = Room(128, 2048), Room(512, 1020)
ROOMS: dict[Operator, tuple[Room, Room]] = {
    "forward": (TO_MANY, TO_FEW),
    "grad_input": (TO_FEW, TO_MANY),
    "grad_weight": (Room(64, 2048), Room(256, 1020)),
}
SMALLEST_PATCH = TO_FEW.share("float64").patch


@dataclass(frozen=True)
class Axis:
    """One axis of a tile: how many tiles of a size there are, and how many pixels each has to stage."""

    size: int
    tiles: Callable[[int], int]
    patch: Callable[[int], int]


class FewChannels(OnDevice):
    """Convolution with at most four input, or at most four output channels a group.

    tile: height and width of a block's pixels; None takes what makes the fewest tiles. splits: into how many parts
    grad_weight divides its sum. None for either chooses by the problem, and tests force them.
    """

    name = "few-channels"

    def __init__(
        self, *, tile: tuple[int, int] | None = None, splits: int | None = None, device_: Device | None = None
    ) -> None:
        super().__init__(device_)
        if tile is not None and min(tile) < 1:
            raise ValueError(f"tile = {tile} must be at least 1x1")
        self.tile = tile
        self.splits = checked_splits(splits)

    def supports(self, problem: Problem) -> bool | str:
        """True for few channels on one side, if the pixels under one window of the kernel fit into shared memory."""
        if min(problem.c_in_per_group, problem.c_out_per_group) > FEW:
            return (
                f"c_in / groups = {problem.c_in_per_group} or c_out / groups = {problem.c_out_per_group} "
                f"must be at most {FEW}"
            )
        window = problem.kernel_extent.height * problem.kernel_extent.width
        if window > SMALLEST_PATCH:
            return f"the kernel's extent = {window} pixels must be at most {SMALLEST_PATCH}"
        longest = max(problem.padded)
        if longest > geometry.MOST - TO_MANY.patch:
            return f"the padded image's longer side = {longest} must be at most {geometry.MOST - TO_MANY.patch}"
        return True

    def instances(self) -> Iterable[Instance]:
        """Each operator for few input and for few output channels, and the sum over splits."""
        for dtype in self.dtypes:
            for operator in OPERATORS:
                for few in ("inputs", "outputs"):
                    yield _kernel(operator, few, C_NAMES[dtype])
            yield sum_of_splits(dtype)

    @property
    def variants(self) -> dict[str, FewChannels]:
        """Small and lopsided tiles, and the sum of grad_weight split, by name."""
        made: dict[str, tuple[tuple[int, int] | None, int | None]] = {
            "tile 1x1": ((1, 1), None),
            "tile 3x5": ((3, 5), 2),
            "7 splits": (None, 7),
        }
        return {
            name: FewChannels(tile=tile, splits=splits, device_=self._chosen) for name, (tile, splits) in made.items()
        }

    def work(self, operator: Operator, problem: Problem, dtype: str) -> Work:
        """Each element read about once; few channels count as four, and many in whole blocks of them."""
        outputs, tile = _has_few_outputs(problem), self._tile(operator, problem, dtype)
        few, many = sorted((problem.c_in_per_group, problem.c_out_per_group))
        tiles = problem.batch * problem.groups * _tiles(operator, problem, tile)
        taps = problem.kernel.height * problem.kernel.width
        if operator == "grad_input":
            taps = divide_up(taps, problem.stride.height * problem.stride.width)
        to_many = operator != "grad_weight" and outputs == (operator == "grad_input")
        width = COLUMNS if to_many or (operator == "grad_weight" and not outputs) else RUN
        columns = divide_up(many, width) if to_many else 1
        slots = ROOMS[operator][outputs].pixels
        return Work(
            tiles * slots * taps * (few if width == COLUMNS else FEW) * divide_up(many, width) * width,
            least_elements(problem),
            FILLING_BLOCKS if operator == "grad_weight" else tiles * columns,
            pace=0.7 if to_many else 0.5 if width == COLUMNS else 0.4,
            launches=2 if operator == "grad_weight" else 1,
            note=f"tiles of {tile[0]}x{tile[1]} pixels",
        )

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        x_, w_, real = self._operands(problem, ("x", x, problem.x_shape), ("w", w, problem.w_shape))
        y = self.device.empty(problem.y_shape, x_.dtype)
        columns = 1 if _has_few_outputs(problem) else divide_up(problem.c_out_per_group, COLUMNS)
        self._compute("forward", real, problem, columns * problem.groups * problem.batch, (x_, w_, y))
        return self._result(y, x)

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""
        g_, w_, real = self._operands(problem, ("gy", gy, problem.y_shape), ("w", w, problem.w_shape))
        gx = self.device.empty(problem.x_shape, g_.dtype)
        columns = divide_up(problem.c_in_per_group, COLUMNS) if _has_few_outputs(problem) else 1
        self._compute("grad_input", real, problem, columns * problem.groups * problem.batch, (g_, w_, gx))
        return self._result(gx, gy)

    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW, shape ``problem.w_shape``; the sum over pixels in `splits` parts, added in a fixed order."""
        g_, x_, real = self._operands(problem, ("gy", gy, problem.y_shape), ("x", x, problem.x_shape))
        taps = problem.kernel.height * problem.kernel.width
        if _has_few_outputs(problem):
            at_once = min(taps, THREADS)
            parts = THREADS // at_once
            blocks = divide_up(problem.c_in_per_group, RUN) * divide_up(taps, at_once)
        else:
            eights = divide_up(taps * problem.c_in_per_group, ROWS_EACH)
            at_once = min(eights, WORKERS)
            parts = WORKERS // at_once
            blocks = divide_up(problem.c_out_per_group, COLUMNS) * divide_up(eights, at_once)
        blocks *= problem.groups
        tile = self._tile("grad_weight", problem, g_.dtype.name)
        tiles = problem.batch * _tiles("grad_weight", problem, tile)
        splits, each = share_out(tiles, self.splits if self.splits is not None else FILLING_BLOCKS // blocks)
        partial = self.device.empty((splits * parts, *problem.w_shape), SUMS[g_.dtype.name])
        self._compute("grad_weight", real, problem, splits * blocks, (g_, x_, partial), tile, np.int64(each))
        return self._result(self._sum_of_splits(partial, g_.dtype), gy)

    def _compute(
        self,
        operator: Operator,
        real: str,
        problem: Problem,
        blocks: int,
        arrays: tuple[Array, Array, Array],
        tile: tuple[int, int] | None = None,
        *more: object,
    ) -> None:
        """Launches a kernel; blocks: for each tile, if no tile is given, or in all."""
        if tile is None:
            tile = self._tile(operator, problem, arrays[0].dtype.name)
            blocks *= _tiles(operator, problem, tile)
        few = "outputs" if _has_few_outputs(problem) else "inputs"
        arguments = (*arrays, geometry.struct(problem), *map(np.int32, tile), *more)
        self._launch(_kernel(operator, few, real), blocks, problem, *arguments)

    def _tile(self, operator: Operator, problem: Problem, dtype: str) -> tuple[int, int]:
        """Height and width of a tile: what makes the fewest tiles, and of these what has the fewest pixels to stage."""
        room = ROOMS[operator][_has_few_outputs(problem)].share(dtype)
        down, across = _axes(operator, problem)

        def fits(height: int, width: int) -> bool:
            return height * width <= room.pixels and down.patch(height) * across.patch(width) <= room.patch

        if self.tile is not None:
            return self.tile if fits(*self.tile) else (1, 1)
        possible = []
        for width in {min(across.size, 2**power) for power in range(10)} | {min(across.size, room.pixels)}:
            height = min(down.size, room.pixels // width)
            while height > 0 and not fits(height, width):
                height -= 1
            if height > 0:
                possible.append((height, width))
        return min(
            possible, key=lambda tile: (_tiles(operator, problem, tile), down.patch(tile[0]) * across.patch(tile[1]))
        )


def _kernel(operator: Operator, few: str, real: str) -> Instance:
    """few: ``inputs`` or ``outputs``."""
    return Instance(f"few_channels_{operator}.cu", f"few_{few}_{operator}<{real}>", THREADS)


def _has_few_outputs(problem: Problem) -> bool:
    """Which kernels are meant: those for few output channels, only if the input channels are not few."""
    return problem.c_in_per_group > FEW


def _axes(operator: Operator, problem: Problem) -> tuple[Axis, Axis]:
    """Both axes, down and across, as ``kernels/few_channels.cuh`` has them."""
    sizes = (problem.height, problem.width) if operator == "grad_input" else (problem.out_height, problem.out_width)
    axis = _gathering if operator == "grad_input" else _reading
    down, across = map(axis, sizes, problem.kernel, problem.stride, problem.dilation)
    return down, across


def _reading(size: int, kernel: int, stride: int, dilation: int) -> Axis:
    return Axis(
        size, lambda tile: divide_up(size, tile), lambda tile: (tile - 1) * stride + (kernel - 1) * dilation + 1
    )


def _gathering(size: int, kernel: int, stride: int, dilation: int) -> Axis:
    length = divide_up(size, stride)  # of the pixels with one remainder
    return Axis(
        length,
        lambda tile: min(stride, size) * divide_up(length, tile),
        lambda tile: tile + (kernel - 1) * dilation // stride,
    )


def _tiles(operator: Operator, problem: Problem, tile: tuple[int, int]) -> int:
    """How many tiles an image has."""
    down, across = _axes(operator, problem)
    return down.tiles(tile[0]) * across.tiles(tile[1])
