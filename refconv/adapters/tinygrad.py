"""tinygrad: ``Tensor.conv2d``, and its gradients by ``Tensor.gradient``.

Documentation: https://docs.tinygrad.org/tensor/ops/#tinygrad.Tensor.conv2d. Any stride, dilation and groups, and
padding on four sides as (left, right, top, bottom). tinygrad compiles for the CPU with clang, or runs where its
variable DEV says.
"""

from __future__ import annotations

import os
import shutil
from typing import Any

import numpy as np

from refconv.adapters.framework import Adapter, Framework
from refconv.adapters.layouts import from_nchw, from_oihw, nchw, oihw
from refconv.implementation import ImplementationError
from refconv.operands import Array
from refconv.problem import Problem


class Tinygrad(Adapter):
    """``Tensor.conv2d`` on the CPU, unless DEV names another device."""

    framework = Framework("tinygrad", ("tinygrad",), "tinygrad")

    def __init__(self) -> None:
        super().__init__()
        self._place = os.environ.get("DEV") or "CPU"
        compiler = os.environ.get("CC") or "clang"
        if self._place.startswith("CPU") and shutil.which(compiler) is None:
            raise ImplementationError(
                f"tinygrad compiles for the CPU with {compiler}, which is not there: "
                f"install clang, or set CC to one, or DEV to another of tinygrad's devices"
            )

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        return from_nchw(self._conv(self._tensor(nchw(x)), self._tensor(oihw(w)), problem).numpy())

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""
        x = self._tensor(nchw(np.zeros(problem.x_shape, gy.dtype)))
        y = self._conv(x, self._tensor(oihw(w)), problem)
        return from_nchw(y.gradient(x, gradient=self._tensor(nchw(gy)))[0].numpy())

    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW, shape ``problem.w_shape``."""
        w = self._tensor(oihw(np.zeros(problem.w_shape, gy.dtype)))
        y = self._conv(self._tensor(nchw(x)), w, problem)
        return from_oihw(y.gradient(w, gradient=self._tensor(nchw(gy)))[0].numpy())

    def _conv(self, x: Any, w: Any, problem: Problem) -> Any:
        top, bottom, left, right = problem.padding
        return x.conv2d(
            w,
            groups=problem.groups,
            stride=tuple(problem.stride),
            dilation=tuple(problem.dilation),
            padding=(left, right, top, bottom),
        )

    def _tensor(self, array: Array) -> Any:
        return self.library.Tensor(array, device=self._place)
