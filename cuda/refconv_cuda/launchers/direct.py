"""Direct convolution, one thread an element of the result: the baseline that the other kernels are measured by."""

from __future__ import annotations

import math
from collections.abc import Iterable

from refconv.problem import OPERATORS, Operator, Problem
from refconv_cuda import geometry
from refconv_cuda.device import Array
from refconv_cuda.launchers.instance import Instance
from refconv_cuda.launchers.on_device import C_NAMES, ELEMENTWISE_THREADS, OnDevice, elementwise
from refconv_cuda.launchers.work import Work, divide_up, least_elements


class Direct(OnDevice):
    """One thread an element of the result, which adds up its own terms: no tiles, no shared memory, no splits."""

    name = "direct"

    def instances(self) -> Iterable[Instance]:
        """One kernel for each operator and dtype."""
        for operator in OPERATORS:
            for dtype in self.dtypes:
                yield elementwise(f"direct_{operator}", C_NAMES[dtype])

    def work(self, operator: Operator, problem: Problem, dtype: str) -> Work:
        """Every product by itself: what it reads comes from the caches."""
        blocks = divide_up(math.prod(problem.result_shape(operator)), ELEMENTWISE_THREADS)
        return Work(problem.multiplications, least_elements(problem), blocks, pace=0.1, note="one thread an element")

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        return self._computed("forward", problem, ("x", x, problem.x_shape), ("w", w, problem.w_shape))

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""
        return self._computed("grad_input", problem, ("gy", gy, problem.y_shape), ("w", w, problem.w_shape))

    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW, shape ``problem.w_shape``."""
        return self._computed("grad_weight", problem, ("gy", gy, problem.y_shape), ("x", x, problem.x_shape))

    def _computed(
        self,
        operator: Operator,
        problem: Problem,
        first: tuple[str, Array, tuple[int, ...]],
        second: tuple[str, Array, tuple[int, ...]],
    ) -> Array:
        first_, second_, real = self._operands(problem, first, second)
        result = self.device.empty(problem.result_shape(operator), first_.dtype)
        arguments = (first_, second_, result, geometry.struct(problem))
        self._elementwise(elementwise(f"direct_{operator}", real), result.size, *arguments)
        return self._result(result, first[1])
