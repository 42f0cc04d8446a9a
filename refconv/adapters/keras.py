"""Keras: ``keras.ops.conv``, on whichever backend Keras is set to, or the first that is installed.

Documentation: https://keras.io/api/ops/nn/#conv-function and https://keras.io/api/layers/convolution_layers/convolution2d/.
Padding is "valid" or "same" only, so as its users do we zero-pad with ``keras.ops.pad`` first. A stride above 1 and a
dilation above 1 exclude one another. Gradients are the backend's business, and those have adapters of their own.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from typing import Any

import numpy as np

from refconv.adapters.framework import Adapter, Framework
from refconv.implementation import ImplementationError
from refconv.operands import Array
from refconv.problem import Problem

BACKENDS = ("tensorflow", "jax", "torch")


class Keras(Adapter):
    """``keras.ops.conv`` in NHWC and HWIO."""

    framework = Framework("Keras", ("keras",), "keras")
    dtypes = ("float32",)  # JAX, as a backend, narrows float64

    def __init__(self) -> None:
        super().__init__()
        self._backend = os.environ.get("KERAS_BACKEND") or next(
            (name for name in BACKENDS if importlib.util.find_spec(name) is not None), None
        )
        if self._backend is None:
            raise ImplementationError(f"Keras has no backend: install one of {', '.join(BACKENDS)}")

    @functools.cached_property
    def library(self) -> Any:
        """Keras, which reads its backend from the environment when it is first imported."""
        if "keras" in sys.modules:
            return self.framework.imported()
        before = os.environ.get("KERAS_BACKEND")
        os.environ["KERAS_BACKEND"] = str(self._backend)
        try:
            return self.framework.imported()
        finally:
            del os.environ["KERAS_BACKEND"]
            if before is not None:
                os.environ["KERAS_BACKEND"] = before

    def supports(self, problem: Problem) -> bool | str:
        """Not a stride and a dilation at once."""
        if max(problem.stride) > 1 and max(problem.dilation) > 1:
            return "Keras documents that strides > 1 is incompatible with dilation_rate > 1"
        return True

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        ops = self.library.ops
        top, bottom, left, right = problem.padding
        y = ops.conv(
            ops.pad(np.array(x), ((0, 0), (top, bottom), (left, right), (0, 0))),
            np.array(w),
            strides=tuple(problem.stride),
            padding="valid",
            data_format="channels_last",
            dilation_rate=tuple(problem.dilation),
        )
        return np.array(ops.convert_to_numpy(y))
