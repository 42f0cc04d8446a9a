"""SAME, asymmetric and output padding."""

import numpy as np

from bugs.catalogue import bug
from bugs.conv import Conv, Transposed, axes, correlate, is_same, padded, same


def correlate_all(x, w, p, sides):
    """The forward pass with other padding than the problem's."""
    whole, c = padded(x, *sides), p.c_in_per_group
    parts = np.split(w, p.groups, axis=3)
    return np.concatenate(
        [correlate(whole[..., g * c : g * c + c], part, p.stride, p.dilation) for g, part in enumerate(parts)],
        axis=3,
    )


@bug(
    "onnx_same_shape",
    "SAME padding is worked out from the sizes of batch and channels (the first axes), not of height and width",
    "https://github.com/onnx/onnx/blob/v1.19.0/onnx/reference/ops/op_conv.py#L99",
    only="forward",
    found_by="output-size",
)
class SameOfOtherAxes(Conv):
    def forward(self, x, w, p):
        h, v = axes(p)
        if is_same(h) and is_same(v) and any(p.padding) and p.batch:
            sides = *same(h._replace(size=p.batch)), *same(v._replace(size=p.c_in))
            return correlate_all(x, w, p, sides)
        return super().forward(x, w, p)


@bug(
    "onnxruntime_9370",
    "ConvTranspose takes SAME_UPPER for SAME_LOWER: the odd row of padding is cut off at the other end",
    "https://github.com/microsoft/onnxruntime/issues/9370",
    only="grad_input",
    found_by="explicit-pad",
)
class UpperForLower(Conv):
    def axes(self, p):
        return [a._replace(before=a.after) if a.after == a.before + 1 else a for a in super().axes(p)]


@bug(
    "onnxscript_3037",
    "SAME made explicit forgets the dilation: a smaller output, and no word about it",
    "https://github.com/microsoft/onnxscript/pull/3037",
    only="forward",
    found_by="output-size",
)
class SameWithoutDilation(Conv):
    def forward(self, x, w, p):
        h, v = axes(p)
        if is_same(h) and is_same(v):
            return correlate_all(x, w, p, (*same(h, h.kernel), *same(v, v.kernel)))
        return super().forward(x, w, p)


@bug(
    "onnx_7721",
    "the output's size is computed with twice the padding before, right only where both sides are padded alike",
    "https://github.com/onnx/onnx/issues/7721",
    only="forward",
    found_by="output-size",
)
class TwiceThePaddingBefore(Conv):
    def forward(self, x, w, p):
        y = super().forward(x, w, p)
        sizes = [max(0, (a.size + 2 * a.before - a.extent) // a.stride + 1) for a in axes(p)]
        return padded(y, 0, sizes[0] - p.out_height, 0, sizes[1] - p.out_width)


@bug(
    "mlx_2038",
    "with different padding on both sides, only as much is cleared behind the input as before it",
    "https://github.com/ml-explore/mlx/issues/2038",
    only="forward",
    found_by="explicit-pad",
)
class ClearsTheSmallerSide(Conv):
    def forward(self, x, w, p):
        whole = np.full((p.batch, *p.padded, p.c_in), 1e30, x.dtype)  # "huge values on Linux"
        top, _bottom, left, _right = p.padding
        whole[:, : 2 * top + p.height, : 2 * left + p.width] = 0
        whole[:, top : top + p.height, left : left + p.width] = x
        bare = p.replace(height=p.padded.height, width=p.padded.width, padding=0)
        return super().forward(whole, w, bare)


@bug(
    "tvm_19524",
    "with output padding, dX is right in size and shifted: the zeros go before G instead of behind",
    "https://github.com/apache/tvm/issues/19524",
    only="grad_input",
    found_by="adjoint",
)
class OutputPaddingBefore(Transposed):
    def before(self, axis):
        return super().before(axis) + axis.remainder

    def after(self, axis):
        return super().after(axis) - axis.remainder


@bug(
    "burn_4916",
    "the output padding is added twice, so that dX is too long",
    "https://github.com/tracel-ai/burn/pull/4916",
    only="grad_input",
    found_by="output-size",
)
class OutputPaddingTwice(Transposed):
    def after(self, axis):
        return super().after(axis) + axis.remainder


@bug(
    "candle_2337",
    "the gradient's convolution takes stride for stride and dilation for dilation, though the two change places",
    "https://github.com/huggingface/candle/pull/2337",
    only="grad_weight",
    found_by="adjoint",
)
class StrideForDilation(Transposed):
    def axes(self, p):
        return [a._replace(stride=a.dilation, dilation=a.stride) for a in super().axes(p)]


@bug(
    "tinygrad_840",
    "the transposed convolution takes the padding before for that behind",
    "https://github.com/tinygrad/tinygrad/pull/840",
    only="grad_input",
    found_by="adjoint",
)
class SymmetricTransposed(Transposed):
    def after(self, axis):
        return self.before(axis) + axis.remainder


@bug(
    "tinygrad_14294",
    "Winograd for kernels 3 wide with stride 1 takes the four paddings in the order of the other axis first",
    "https://github.com/tinygrad/tinygrad/pull/14294",
    only="forward",
    found_by="explicit-pad",
)
class PaddingOfTheOtherAxis(Conv):
    def axes(self, p):
        h, w = super().axes(p)
        if w.kernel == 3 and w.stride == w.dilation == 1:
            return h._replace(before=w.before), w._replace(before=h.before)
        return h, w


@bug(
    "tvm_4260",
    "Winograd for 3x3 has padding 1 and stride 1 built in, whatever the workload says",
    "https://github.com/apache/tvm/pull/4260",
    only="forward",
    found_by="output-size",
)
class PaddingAndStrideBuiltIn(Conv):
    def forward(self, x, w, p):
        if p.kernel == (3, 3) and p.dilation == (1, 1) and p.groups == 1:
            p = p.replace(padding=1, stride=1)
        return super().forward(x, w, p)
