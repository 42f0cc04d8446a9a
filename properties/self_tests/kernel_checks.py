"""What the tests of kernels share: exact results, launches that are only noted, and kernels out of pieces of ours."""

import math
from dataclasses import dataclass, field

import numpy as np

from refconv import exact, index_sum
from refconv.problem import OPERANDS
from refconv_cuda.device import KERNELS
from refconv_cuda.simulator import RawModule


def assert_same(actual, expected):
    """The same dtype, shape and values."""
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    assert np.array_equal(actual, expected)


def assert_exact(implementation, operator, problem, seed, dtype, reference=index_sum):
    """One operator on small whole numbers is what the reference says. dtype: a format's name."""
    operands = exact.operands(problem, seed, dtype, operators=(operator,))
    first, second = (getattr(operands, name) for name in OPERANDS[operator])
    expected = getattr(reference, operator)(first, second, problem)
    assert_same(getattr(implementation, operator)(first, second, problem), expected)


def shapes_of(problem):
    """Those of the operands, by name."""
    return {"x": problem.x_shape, "w": problem.w_shape, "gy": problem.y_shape}


def anything(shape, dtype=np.float32):
    """An array of that shape, whatever its size."""
    return np.broadcast_to(np.zeros((), dtype), shape)


@dataclass
class Imaginary:
    """A device of any size: memory without bytes, kernels that only note what they were launched with.

    launches: name, grid, block and arguments of each. allocated: the shapes that memory was asked for.
    """

    name: str = "imaginary"
    launches: list = field(default_factory=list)
    allocated: list = field(default_factory=list)

    def holds(self, array):
        return False

    def to_device(self, array):
        return array

    def to_host(self, array):
        return array

    def empty(self, shape, dtype):
        self.allocated.append(shape)
        return anything(shape, dtype)

    def matmul(self, a, b):
        return anything((*a.shape[:-1], b.shape[-1]), a.dtype)

    def kernel(self, file, name):
        return lambda grid, block, args: self.launches.append((name, grid, block, args))


def imagined(implementation, operator, problem, *, dtype="float32", on=None):
    """What the implementation would launch. on: the `Imaginary` device, if somebody wants to look at it."""
    imaginary = on or Imaginary()
    operands = (anything(shapes_of(problem)[name], dtype) for name in OPERANDS[operator])
    getattr(implementation.at(imaginary), operator)(*operands, problem)
    return imaginary.launches


def blocks_of(launch):
    """How many blocks a launch has."""
    _, grid, _, _ = launch
    return math.prod(grid)


def kernel_of(code, name):
    """A kernel whose code includes some of ours."""
    return RawModule(code=code, options=(f"-I{KERNELS}",)).get_function(name)
