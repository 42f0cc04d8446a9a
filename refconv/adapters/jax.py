"""JAX: ``lax.conv_general_dilated``, and its gradients by ``jax.vjp``, compiled.

Documentation: https://docs.jax.dev/en/latest/_autosummary/jax.lax.conv_general_dilated.html. Any stride, dilation
(``rhs_dilation``) and groups, padding on four sides, and our own layouts by name: every problem is supported as it is.
How many threads run it is settled when JAX starts, and for the whole process, so that is left to the user.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from refconv.adapters.framework import Adapter, Framework
from refconv.implementation import ImplementationError
from refconv.operands import Array
from refconv.problem import Operator, Problem


class Jax(Adapter):
    """``conv_general_dilated`` in NHWC and HWIO, at the highest precision, so without TF32 on a GPU."""

    framework = Framework("JAX", ("jax",), "jax")

    def on(self, device: str) -> Self:
        """This adapter; on the CUDA GPU for ``gpu``, else on the CPU."""
        if device == "gpu":
            try:
                self.library.devices("cuda")
            except RuntimeError as error:
                raise ImplementationError(f"JAX {self.version} finds no CUDA GPU: {error}") from None
            self.device = "gpu"
        return super().on(device)

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        return self._run("forward", x, w, problem)

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""
        return self._run("grad_input", gy, w, problem)

    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW, shape ``problem.w_shape``."""
        return self._run("grad_weight", gy, x, problem)

    def _run(self, operator: Operator, first: Array, second: Array, problem: Problem) -> Array:
        with self._settled():
            return np.array(self._compiled(np.array(first), np.array(second), problem, operator))

    @functools.cached_property
    def _compiled(self) -> Any:
        # One function for all problems: JAX itself keeps what it compiled, by problem.
        return self.library.jit(self._traced, static_argnums=(2, 3))

    def _traced(self, first: Any, second: Any, problem: Problem, operator: Operator) -> Any:
        jax = self.library
        if operator == "forward":
            return self._conv(first, second, problem)
        if operator == "grad_input":
            _, pulled_back = jax.vjp(
                lambda x: self._conv(x, second, problem), jax.numpy.zeros(problem.x_shape, first.dtype)
            )
        else:
            _, pulled_back = jax.vjp(
                lambda w: self._conv(second, w, problem), jax.numpy.zeros(problem.w_shape, first.dtype)
            )
        return pulled_back(first)[0]

    def _conv(self, x: Any, w: Any, problem: Problem) -> Any:
        top, bottom, left, right = problem.padding
        return self.library.lax.conv_general_dilated(
            x,
            w,
            window_strides=problem.stride,
            padding=((top, bottom), (left, right)),
            rhs_dilation=problem.dilation,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=problem.groups,
            precision=self.library.lax.Precision.HIGHEST,
        )

    @contextlib.contextmanager
    def _settled(self) -> Iterator[None]:
        """64-bit types, which JAX otherwise narrows, and the device; both as they were afterwards."""
        jax = self.library
        device = jax.devices("cuda" if self.device == "gpu" else "cpu")[0]
        with jax.enable_x64(True), jax.default_device(device):
            yield
