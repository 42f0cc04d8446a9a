"""ONNX Runtime on the CPU: forward by Conv, and dX by ConvTranspose, in models whose W is a constant.

Documentation: ONNX's own (see `refconv.adapters.onnx`), and for the dtypes
https://github.com/microsoft/onnxruntime/blob/main/docs/OperatorKernels.md, where the CPU has both operators in float32.
"""

from __future__ import annotations

from typing import Any

from refconv.adapters.framework import Adapter, Framework
from refconv.adapters.layouts import from_nchw, nchw, oihw
from refconv.adapters.onnx import conv_attributes, is_same_upper, model, same_upper_attributes, transposed_attributes
from refconv.operands import Array
from refconv.problem import Problem


class Session(Adapter):
    """Models of one node, run by ``onnxruntime.InferenceSession`` with its default optimisations, in one thread."""

    framework = Framework("ONNX Runtime", ("onnxruntime", "onnx"), "onnx")
    dtypes = ("float32",)

    def run(self, operator: str, attributes: dict[str, Any], x: Array, w: Array) -> Array:
        """``operator(x, w)``, NHWC and HWIO in, NHWC out."""
        import onnx

        runtime, images = self.library, nchw(x)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised as well
        made = model(onnx, operator, attributes, images, oihw(w), constant_w=True)
        session = runtime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return from_nchw(session.run(None, {"x": images})[0])


class OnnxRuntime(Session):
    """ONNX Runtime on Conv and ConvTranspose."""

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        return self.run("Conv", conv_attributes(problem), x, w)

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""
        return self.run("ConvTranspose", transposed_attributes(problem), gy, w)


class OnnxRuntimeSame(Session):
    """ONNX Runtime on Conv with ``auto_pad=SAME_UPPER``, for the problems whose padding is just that."""

    def supports(self, problem: Problem) -> bool | str:
        """Whether SAME_UPPER means the problem's padding, and no dilation, with which ONNX Runtime refuses it."""
        answer = is_same_upper(problem)
        if answer is True and max(problem.dilation) > 1:
            return "ONNX Runtime says: Dilation not supported for AutoPadType::SAME_UPPER or AutoPadType::SAME_LOWER"
        return answer

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        return self.run("Conv", same_upper_attributes(problem), x, w)
