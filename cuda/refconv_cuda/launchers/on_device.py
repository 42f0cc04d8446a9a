"""What all launchers share: their device, the way in and out of it, and the kernels that they are built from.

Operands are NumPy arrays, contiguous or not; on the GPU also CuPy arrays, and then the result is one. Whatever is wrong
with them raises ``ValueError`` or ``TypeError`` naming the argument.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Self

import numpy as np

from refconv.formats import format_of
from refconv.implementation import ImplementationError
from refconv.problem import Operator, Problem
from refconv_cuda import device, geometry
from refconv_cuda.device import Array, Device
from refconv_cuda.launchers.instance import Instance
from refconv_cuda.launchers.work import Work, divide_up

C_NAMES = {"float32": "float", "float64": "double", "float16": "__half", "bfloat16": "__nv_bfloat16"}
SUMS = {"float32": "float32", "float64": "float64", "float16": "float32", "bfloat16": "float32"}
MOST_BLOCKS = 2**31 - 1  # of a grid's first dimension
ELEMENTWISE_THREADS = 128
ELEMENTWISE_BLOCKS = 2**16  # enough to fill any GPU; the kernels walk on in steps of the whole grid


def elementwise(kernel: str, real: str) -> Instance:
    """A kernel of one thread an element, in a file of its name. real: its template argument."""
    return Instance(f"{kernel}.cu", f"{kernel}<{real}>", ELEMENTWISE_THREADS)


def sum_of_splits(dtype: str) -> Instance:
    """The kernel that adds up the splits of a sum of that dtype."""
    return elementwise("sum_splits", C_NAMES[dtype])


def checked_splits(splits: int | None) -> int | None:
    """That number of splits, or None. Raises ``ValueError`` where it is less than 1."""
    if splits is not None and splits < 1:
        raise ValueError(f"splits = {splits} must be at least 1")
    return splits


class OnDevice(ABC):
    """What the implementations share: the device, and the way in and out of it."""

    name: str
    dtypes: tuple[str, ...] = tuple(C_NAMES)

    def __init__(self, device_: Device | None = None) -> None:
        self._chosen = device_

    @property
    def device(self) -> Device:
        """Where it runs: the device that it was made for, or else whatever there is."""
        return self._chosen if self._chosen is not None else device.find("auto")

    def on(self, name: str) -> Self:
        """This implementation on a device of that name."""
        return self.at(device.find(name))

    def at(self, device_: Device) -> Self:
        """This implementation on that device."""
        there = copy.copy(self)
        there._chosen = device_
        return there

    def in_format(self, name: str) -> Self:
        """This implementation. Raises `ImplementationError` where its device cannot compute in that format."""
        reason = self.unavailable(name)
        if reason is not None:
            raise ImplementationError(f"{self.name} in {name}: {reason}")
        return self

    def least(self, name: str) -> int:
        """The first architecture that computes in the format of that name, as 80 for sm_80; 0 where all do."""
        return 0

    def unavailable(self, name: str) -> str | None:
        """Why the device cannot compute in the format of that name, in a sentence, or None."""
        reason = self.device.lacks(format_of(name).storage)
        if reason is not None:
            return reason
        least, found = self.least(name), self.device.architecture
        if found is None or found >= least:
            return None
        return f"this GPU is sm_{found}, but that needs sm_{least} or later"

    @abstractmethod
    def instances(self) -> Iterable[Instance]:
        """Every kernel that it may ask its device for, in all of its dtypes."""

    def supports(self, problem: Problem) -> bool | str:
        """True, or a sentence that says why the kernels do not take the problem."""
        return True

    @abstractmethod
    def work(self, operator: Operator, problem: Problem, dtype: str) -> Work:
        """What an operator has to do on a problem in the format of that name, for the chooser."""

    @abstractmethod
    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""

    @abstractmethod
    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""

    @abstractmethod
    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW, shape ``problem.w_shape``."""

    def _operands(
        self, problem: Problem, first: tuple[str, object, tuple[int, ...]], second: tuple[str, object, tuple[int, ...]]
    ) -> tuple[Array, Array, str]:
        """Both operands on the device, checked, and the C name of their type."""
        arrays = [self._operand(problem, *first), self._operand(problem, *second)]
        if arrays[0].dtype != arrays[1].dtype:
            raise TypeError(
                f"{second[0]} has dtype {arrays[1].dtype}, but must have that of {first[0]}, {arrays[0].dtype}"
            )
        return arrays[0], arrays[1], C_NAMES[arrays[0].dtype.name]

    def _operand(self, problem: Problem, name: str, value: object, shape: tuple[int, ...]) -> Array:
        geometry.struct(problem)  # a problem too large for the kernels is refused before anything is copied
        supported = self.supports(problem)
        if supported is not True:
            raise ValueError(f"problem {problem} is not for {self.name}: {supported}")
        if not (isinstance(value, np.ndarray) or self.device.holds(value)):
            kind = f"{type(value).__module__}.{type(value).__name__}"
            raise TypeError(f"{name} is a {kind}, but the {self.device.name} device takes NumPy arrays")
        array: Any = value
        if array.dtype.name not in {format_of(dtype).storage for dtype in self.dtypes}:
            raise TypeError(f"{name} has dtype {array.dtype}, but {self.name} is for {', '.join(self.dtypes)}")
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, but the problem needs {shape}")
        return self.device.to_device(array)

    def _result(self, array: Array, like: object) -> Array:
        return array if self.device.holds(like) else self.device.to_host(array)

    def _launch(self, kernel: Instance, blocks: int, problem: Problem, *arguments: object, tile: str = "") -> None:
        """So many blocks in one dimension; none, where there is nothing to compute.

        Raises ``ValueError`` where no grid has so many. tile: what a block computes, if that says more than the name.
        """
        if blocks > MOST_BLOCKS:
            what = tile or kernel.name
            raise ValueError(f"problem {problem} needs {blocks} blocks of {what}, but a grid has {MOST_BLOCKS}")
        if blocks > 0:
            self.device.kernel(kernel.file, kernel.name)((blocks,), (kernel.threads,), arguments)

    def _sum_of_splits(self, partial: Array, dtype: np.dtype[Any]) -> Array:
        """The sum over the first axis of ``partial``, first to last, rounded once."""
        splits, *shape = partial.shape
        if splits == 1 and partial.dtype == dtype:
            return partial[0]
        result = self.device.empty(tuple(shape), dtype)
        arguments = (partial, result, np.int64(result.size), np.int32(splits))
        self._elementwise(sum_of_splits(dtype.name), result.size, *arguments)
        return result

    def _elementwise(self, kernel: Instance, size: int, *arguments: object) -> None:
        """One thread an element, in as many rounds as it takes."""
        if size == 0:
            return
        blocks = min(divide_up(size, kernel.threads), ELEMENTWISE_BLOCKS)
        self.device.kernel(kernel.file, kernel.name)((blocks,), (kernel.threads,), arguments)
