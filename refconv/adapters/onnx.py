"""ONNX: the standard's own reference evaluator, forward by Conv, and dX by ConvTranspose.

Documentation: https://onnx.ai/onnx/operators/onnx__Conv.html and https://onnx.ai/onnx/operators/onnx__ConvTranspose.html.
Any strides, dilations, group, and pads on four sides; ConvTranspose's ``output_padding`` adds the rows behind the last
window. The standard has no operator for dW.
"""

from __future__ import annotations

from typing import Any

from refconv.adapters.framework import Adapter, Framework
from refconv.adapters.layouts import from_nchw, nchw, oihw
from refconv.operands import Array
from refconv.problem import Padding, Problem

OPSET = 11  # of Conv and ConvTranspose as they have been since; every release of the last years takes it
IR_VERSION = 8  # of the file format: a new onnx writes newer ones than an older ONNX Runtime reads


class Evaluated(Adapter):
    """Models of one node, run by ``onnx.reference.ReferenceEvaluator``."""

    framework = Framework("ONNX", ("onnx", "onnx.reference"), "onnx")

    def run(self, operator: str, attributes: dict[str, Any], x: Array, w: Array) -> Array:
        """``operator(x, w)``, NHWC and HWIO in, NHWC out."""
        images, weights = nchw(x), oihw(w)
        made = model(self.library, operator, attributes, images, weights)
        return from_nchw(self.library.reference.ReferenceEvaluator(made).run(None, {"x": images, "w": weights})[0])


class OnnxReference(Evaluated):
    """The reference evaluator on Conv and ConvTranspose."""

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        return self.run("Conv", conv_attributes(problem), x, w)

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""
        return self.run("ConvTranspose", transposed_attributes(problem), gy, w)


class OnnxReferenceSame(Evaluated):
    """The reference evaluator on Conv with ``auto_pad=SAME_UPPER``, for the problems whose padding is just that."""

    def supports(self, problem: Problem) -> bool | str:
        """Whether SAME_UPPER means the problem's padding."""
        return is_same_upper(problem)

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        return self.run("Conv", same_upper_attributes(problem), x, w)


def conv_attributes(problem: Problem) -> dict[str, Any]:
    """Conv's attributes for the problem: ``pads`` are top, left, bottom, right."""
    top, bottom, left, right = problem.padding
    return {**_common(problem), "pads": [top, left, bottom, right]}


def same_upper_attributes(problem: Problem) -> dict[str, Any]:
    """The same, the padding left to ``auto_pad``."""
    return {**_common(problem), "auto_pad": "SAME_UPPER"}


def transposed_attributes(problem: Problem) -> dict[str, Any]:
    """ConvTranspose's attributes for the gradient by X."""
    return {**conv_attributes(problem), "output_padding": list(problem.remainder)}


def same_upper(sizes: tuple[int, int], problem: Problem) -> Padding:
    """What ``auto_pad=SAME_UPPER`` means for an image of these sizes and the problem's kernel, stride and dilation.

    By Conv's documentation the output has ceil(size / stride) rows, the padding is shared out evenly, and an odd one
    goes to the end.
    """
    sides = []
    for size, stride, extent in zip(sizes, problem.stride, problem.kernel_extent, strict=True):
        total = max(0, (-(-size // stride) - 1) * stride + extent - size)
        sides += [total // 2, total - total // 2]
    return Padding(*sides)


def is_same_upper(problem: Problem) -> bool | str:
    """True where ``auto_pad=SAME_UPPER`` means the problem's padding, else why not."""
    if problem.padding == same_upper((problem.height, problem.width), problem):
        return True
    return "its padding is not what auto_pad=SAME_UPPER means"


def model(onnx: Any, operator: str, attributes: dict[str, Any], x: Array, w: Array, *, constant_w: bool = False) -> Any:
    """A model of one node, ``y = operator(x, w)``; with constant_w, W is an initializer, as in a trained model."""
    helper = onnx.helper
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", "w"], ["y"], **attributes)],
        "refconv",
        [
            helper.make_tensor_value_info(name, kind, array.shape)
            for name, array in (("x", x), ("w", w))
            if not (constant_w and name == "w")
        ],
        [helper.make_tensor_value_info("y", kind, [None] * 4)],
        [onnx.numpy_helper.from_array(w, "w")] if constant_w else [],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _common(problem: Problem) -> dict[str, Any]:
    return {
        "kernel_shape": list(problem.kernel),
        "strides": list(problem.stride),
        "dilations": list(problem.dilation),
        "group": problem.groups,
    }
