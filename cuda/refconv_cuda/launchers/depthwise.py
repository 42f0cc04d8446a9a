"""Depthwise convolution: every input channel is a group of its own."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from refconv.problem import OPERATORS, Operator, Problem
from refconv_cuda import geometry
from refconv_cuda.device import Array, Device
from refconv_cuda.launchers.instance import Instance
from refconv_cuda.launchers.on_device import C_NAMES, SUMS, OnDevice, checked_splits, sum_of_splits
from refconv_cuda.launchers.work import Work, divide_up, least_elements, share_out
from refconv_cuda.target import FILLING_BLOCKS

# As in kernels/depthwise.cuh and beside the kernels.
SLAB = 32  # channels of a block
THREADS, STRIP_THREADS = 256, 128
VECTOR = 4
PIXELS = 4  # of a row: what a thread of the general kernels computes
STRIP_COLUMNS = 7
STRIP_ROWS = {3: 2, 7: 4}  # by the side of the kernel
WEIGHT_STRIP_ROWS, WEIGHT_STRIP_VECTOR = 2, 2

# float64 is for checking, so it takes the general kernels, one channel at a time.
FAST_DTYPES = ("float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Path:
    """Which kernel computes an operator.

    strip: the side of the square kernel that it is made for, None for the kernel that takes any. vector: channels of a
    thread; fewer in the strips of grad_weight.
    """

    strip: int | None
    vector: int

    @property
    def threads(self) -> int:
        """Of a block."""
        return STRIP_THREADS if self.strip else THREADS

    def kernel(self, operator: Operator, real: str) -> Instance:
        """The kernel for an operator."""
        file = f"depthwise_{operator}"
        name = f"{file}_strip<{real}, {self.strip}>" if self.strip else f"{file}<{real}, {self.vector}>"
        return Instance(f"{file}.cu", name, self.threads)


class Depthwise(OnDevice):
    """Depthwise convolution with any channel multiplier, near the roofline of memory.

    strips: use the kernels for 3x3 and 7x7 at stride 1 where they fit; vectors: use loads of several channels where
    they fit. splits: into how many parts grad_weight divides its sum; None chooses by the problem, and tests force it.
    """

    name = "depthwise"

    def __init__(
        self, *, strips: bool = True, vectors: bool = True, splits: int | None = None, device_: Device | None = None
    ) -> None:
        super().__init__(device_)
        self.strips = strips
        self.vectors = vectors
        self.splits = checked_splits(splits)

    def supports(self, problem: Problem) -> bool | str:
        """True where groups = c_in."""
        if problem.groups == problem.c_in:
            return True
        return f"groups = {problem.groups} must be c_in = {problem.c_in}"

    def instances(self) -> Iterable[Instance]:
        """The general kernels one channel at a time, and but for float64 by vectors and strips, too."""
        scalar = Path(strip=None, vector=1)
        fast = (Path(strip=None, vector=VECTOR), *(Path(strip=kernel, vector=VECTOR) for kernel in STRIP_ROWS))
        for dtype in self.dtypes:
            for operator in OPERATORS:
                for path in (scalar, *fast) if dtype in FAST_DTYPES else (scalar,):
                    yield path.kernel(operator, C_NAMES[dtype])
            yield sum_of_splits(dtype)

    @property
    def variants(self) -> dict[str, Depthwise]:
        """The general kernels in place of the special ones, and the sum of grad_weight split, by name."""
        return {
            "any kernel": Depthwise(strips=False, device_=self._chosen),
            "one channel a thread": Depthwise(strips=False, vectors=False, device_=self._chosen),
            "2 splits": Depthwise(splits=2, device_=self._chosen),
            "7 splits": Depthwise(strips=False, splits=7, device_=self._chosen),
        }

    def work(self, operator: Operator, problem: Problem, dtype: str) -> Work:
        """Each element read about once; the multiply-adds are few."""
        path = self.path(problem, dtype)
        each = path.vector * (STRIP_COLUMNS * STRIP_ROWS[path.strip] if path.strip else PIXELS)
        result = problem.x_shape if operator == "grad_input" else problem.y_shape
        blocks = max(1, math.prod(result) // (path.threads * each))
        return Work(
            problem.multiplications,
            least_elements(problem),
            max(blocks, FILLING_BLOCKS) if operator == "grad_weight" else blocks,
            pace=0.5 if path.strip else 0.25,
            launches=2 if operator == "grad_weight" else 1,
            note=f"{path.vector} channels a thread" + (f", {path.strip}x{path.strip} strips" if path.strip else ""),
        )

    def path(self, problem: Problem, dtype: str) -> Path:
        """The kernel for a problem."""
        side = problem.kernel.height
        vectors = dtype in FAST_DTYPES and problem.c_out == problem.c_in and problem.c_in % VECTOR == 0
        plain = problem.stride == (1, 1) and problem.dilation == (1, 1) and problem.kernel == (side, side)
        if self.strips and vectors and plain and side in STRIP_ROWS:
            return Path(strip=side, vector=VECTOR)
        return Path(strip=None, vector=VECTOR if self.vectors and vectors else 1)

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        x_, w_, real = self._operands(problem, ("x", x, problem.x_shape), ("w", w, problem.w_shape))
        path = self.path(problem, x_.dtype.name)
        y = self.device.empty(problem.y_shape, x_.dtype)
        rows, columns = problem.out_height, problem.out_width
        if path.strip:
            rows, columns = divide_up(rows, STRIP_ROWS[path.strip]), divide_up(columns, STRIP_COLUMNS)
        else:
            columns = divide_up(columns, PIXELS)
        self._strips("forward", path, real, problem, problem.c_out, rows, columns, (x_, w_, y))
        return self._result(y, x)

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""
        g_, w_, real = self._operands(problem, ("gy", gy, problem.y_shape), ("w", w, problem.w_shape))
        path = self.path(problem, g_.dtype.name)
        gx = self.device.empty(problem.x_shape, g_.dtype)
        rows, columns = problem.height, problem.width
        periods: tuple[np.int32, ...] = ()
        if path.strip:
            rows, columns = divide_up(rows, STRIP_ROWS[path.strip]), divide_up(columns, STRIP_COLUMNS)
        else:
            stride = problem.stride.width
            columns = min(stride, columns) * divide_up(divide_up(columns, stride), PIXELS)
            periods = tuple(
                np.int32(s // math.gcd(s, d)) for s, d in zip(problem.stride, problem.dilation, strict=True)
            )
        self._strips("grad_input", path, real, problem, problem.c_in, rows, columns, (g_, w_, gx), periods)
        return self._result(gx, gy)

    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW, shape ``problem.w_shape``; the sum over pixels in `splits` parts, added in a fixed order."""
        g_, x_, real = self._operands(problem, ("gy", gy, problem.y_shape), ("x", x, problem.x_shape))
        path = self.path(problem, g_.dtype.name)
        taps, slabs = problem.kernel.height * problem.kernel.width, divide_up(problem.c_out, SLAB)
        workers = path.threads // (SLAB // (WEIGHT_STRIP_VECTOR if path.strip else path.vector))
        if path.strip:
            tiles, at_once = 1, workers
            parts = problem.batch * divide_up(problem.out_height, WEIGHT_STRIP_ROWS)
            parts *= divide_up(problem.out_width, STRIP_COLUMNS)
        else:
            tiles, at_once = divide_up(taps, workers), workers // min(taps, workers)
            parts = problem.batch * problem.out_height
        splits, each = self._split(slabs * tiles, parts, at_once)
        partial = self.device.empty((splits, *problem.w_shape), SUMS[g_.dtype.name])
        arguments = (g_, x_, partial, geometry.struct(problem), np.int64(each))
        self._launch(path.kernel("grad_weight", real), slabs * tiles * splits, problem, *arguments)
        return self._result(self._sum_of_splits(partial, g_.dtype), gy)

    def _strips(
        self,
        operator: Operator,
        path: Path,
        real: str,
        problem: Problem,
        channels: int,
        rows: int,
        columns: int,
        arrays: tuple[Array, Array, Array],
        more: tuple[object, ...] = (),
    ) -> None:
        """Launches a kernel in which each thread has a strip of the result: rows by columns of them in an image."""
        strips = path.threads // (SLAB // path.vector)
        across = max((4, 2, 1), key=lambda side: (-divide_up(columns, side) * side, side))
        tiles = divide_up(columns, across) * divide_up(problem.batch * rows, strips // across)
        arguments = (*arrays, geometry.struct(problem), np.int32(across), *more)
        self._launch(path.kernel(operator, real), tiles * divide_up(channels, SLAB), problem, *arguments)

    def _split(self, blocks: int, parts: int, at_once: int) -> tuple[int, int]:
        """How many splits, and how many parts each adds: several for each of a block's workers, none empty."""
        wanted = self.splits if self.splits is not None else min(FILLING_BLOCKS // blocks, parts // (4 * at_once))
        return share_out(parts, wanted)
