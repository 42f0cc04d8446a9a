"""Laws of the geometry: what stride, padding and the axes may change, and what they may not."""

from __future__ import annotations

import numpy as np

from refconv import exact, windows
from refconv.operands import Array
from refconv.problem import Problem
from refconv_properties.broken import LawBroken, element, equal, number, only_if
from refconv_properties.geometry import exchanged
from refconv_properties.laws import law
from refconv_properties.subject import Subject


@law(
    "output-size",
    "(out-1) s + d (a-1) + 1 <= h + pads < out s + d (a-1) + 1; a kernel that does not fit is refused",
    kills="output sizes with the wrong rounding or the other axis's stride; windows beyond the padded input",
    trust="it is the definition of the number of windows that fit",
    seen=("pytorch/pytorch#9592", "pytorch/pytorch#187760", "tensorflow/tensorflow#57128", "PKUFlyingPig/CMU10-714#6"),
)
def test_output_size(conv: Subject, problem: Problem, seed: int) -> None:
    """The defining inequality, not the formula again; gradients have the shape of what they are gradients by."""
    o = exact.operands(problem, seed, conv.format, operators=conv.operators)
    if conv.offers("forward"):
        shape = conv.call("forward", o.x, o.w, problem, any_shape=True).shape
        if len(shape) != 4 or (shape[0], shape[3]) != (problem.batch, problem.c_out):
            raise LawBroken(f"Y has shape {shape}, not [{problem.batch}, out_h, out_w, {problem.c_out}]")
        for axis, out in zip(("height", "width"), shape[1:3], strict=True):
            stride, extent, padded = (
                getattr(sizes, axis) for sizes in (problem.stride, problem.kernel_extent, problem.padded)
            )
            if not (out - 1) * stride + extent <= padded < out * stride + extent:
                raise LawBroken(
                    f"Y has {axis} {out}: its windows end at {(out - 1) * stride + extent}, and one more would end at "
                    f"{out * stride + extent}, of {padded} padded"
                )
    if conv.offers("grad_input"):
        _has_shape("dX", conv.call("grad_input", o.gy, o.w, problem, any_shape=True), "X", problem.x_shape)
    if conv.offers("grad_weight"):
        _has_shape("dW", conv.call("grad_weight", o.gy, o.x, problem, any_shape=True), "W", problem.w_shape)
    for kernel in ((problem.padded.height + 1, 1), (1, problem.padded.width + 1)):
        try:
            problem.replace(kernel=kernel)
        except ValueError:
            continue
        raise LawBroken(f"a kernel of {kernel} on {problem.padded} padded was not refused")


@law(
    "crop",
    "rows and columns that no window reaches do not matter, and dX is 0 there",
    kills="a dropped or doubled remainder, gradients that are too short, garbage in what nobody wrote",
    trust="no term of any sum holds such a pixel",
    seen=(
        "tracel-ai/burn#4806",
        "torch/DEPRECEATED-torch7-distro#20",
        "f-dangel/backpack#30",
        "ml-explore/mlx#2184",
        "ooples/AiDotNet.Tensors#994",
    ),
)
def test_crop(conv: Subject, problem: Problem, seed: int) -> None:
    unread = ~_read(problem)
    only_if(unread.any() and problem.batch > 0)
    o = exact.operands(problem, seed, conv.format, operators=conv.operators)
    other = exact.integers(problem.x_shape, o.magnitude, conv.format, seed, stream=20)
    changed = np.where(unread[None, :, :, None], other, o.x)
    if conv.offers("forward"):
        y = conv.forward(o.x, o.w, problem)
        equal(conv.forward(changed, o.w, problem), y, "Y", "the same input, but for pixels that no window reaches,")
    if conv.offers("grad_weight"):
        gw = conv.grad_weight(o.gy, o.x, problem)
        again = conv.grad_weight(o.gy, changed, problem)
        equal(again, gw, "dW", "the same input, but for pixels that no window reaches,")
    if conv.offers("grad_input"):
        gx = conv.grad_input(o.gy, o.w, problem)
        wrong = np.argwhere((gx != 0) & unread[None, :, :, None])
        if wrong.size:
            index = tuple(int(i) for i in wrong[0])
            raise LawBroken(f"{element('dX', index)} = {number(gx[index])}, but no window reaches that pixel")


@law(
    "subsample",
    "a convolution with stride s is one with stride 1, then [::s]; gradients likewise, of G with zeros between",
    kills="strides that are ignored, applied twice, or taken from the other axis",
    trust="the terms of output (j, k) are those of output (j s, k s) at stride 1",
    seen=("pytorch/pytorch#55381", "CharlesShang/DCNv2#75", "mlpack/mlpack#3146"),
)
def test_subsample(conv: Subject, problem: Problem, seed: int) -> None:
    s_h, s_w = problem.stride
    only_if((s_h, s_w) != (1, 1))
    dense = problem.replace(stride=1)
    # grad_weight adds no more terms than before: the others are zero.
    o = exact.operands(problem, seed, conv.format, operators=conv.operators)
    spread = np.zeros(dense.y_shape, conv.dtype)
    spread[:, ::s_h, ::s_w] = o.gy
    if conv.offers("forward"):
        expected = conv.forward(o.x, o.w, dense)[:, ::s_h, ::s_w]
        equal(conv.forward(o.x, o.w, problem), expected, "Y", "stride 1 and then [::s]")
    if conv.offers("grad_input"):
        expected = conv.grad_input(spread, o.w, dense)
        equal(conv.grad_input(o.gy, o.w, problem), expected, "dX", "stride 1 and G with zeros between")
    if conv.offers("grad_weight"):
        expected = conv.grad_weight(spread, o.x, dense)
        equal(conv.grad_weight(o.gy, o.x, problem), expected, "dW", "stride 1 and G with zeros between")


@law(
    "explicit-pad",
    "the padding argument equals an input that is padded with zeros",
    kills="paddings mixed up between sides or axes, or that read the next row instead of zero",
    trust="a term outside X is zero, and so is one that meets a zero",
    seen=(
        "uxlfoundation/oneDNN#5080",
        "uxlfoundation/oneDNN#3981",
        "tensorflow/tensorflow#14601",
        "ml-explore/mlx#2038",
    ),
)
def test_explicit_pad(conv: Subject, problem: Problem, seed: int) -> None:
    only_if(any(problem.padding))
    bare = problem.replace(height=problem.padded.height, width=problem.padded.width, padding=0)
    o = exact.operands(problem, seed, conv.format, operators=conv.operators)
    padded = windows.pad(o.x, problem)
    if conv.offers("forward"):
        equal(conv.forward(o.x, o.w, problem), conv.forward(padded, o.w, bare), "Y", "the explicitly padded input")
    if conv.offers("grad_weight"):
        expected = conv.grad_weight(o.gy, padded, bare)
        equal(conv.grad_weight(o.gy, o.x, problem), expected, "dW", "the explicitly padded input")
    if conv.offers("grad_input"):
        top, _, left, _ = problem.padding
        whole = conv.grad_input(o.gy, o.w, bare)
        expected = whole[:, top : top + problem.height, left : left + problem.width]
        equal(conv.grad_input(o.gy, o.w, problem), expected, "dX", "the inside of the padded input's")


@law(
    "transpose",
    "exchanging height and width in all arguments exchanges them in the result",
    kills="height where width was due, and the other way round",
    trust="the formula is symmetric in its two axes",
    seen=("renmengye/np-conv2d#2", "jdermody/brightwire#22", "apache/mxnet#6986", "nntrainer/nntrainer#1570"),
)
def test_transpose(conv: Subject, problem: Problem, seed: int) -> None:
    turned = exchanged(problem)
    o = exact.operands(problem, seed, conv.format, operators=conv.operators)
    source = "the problem with height and width exchanged"
    if conv.offers("forward"):
        expected = _turned(conv.forward(_turned(o.x), o.w.swapaxes(0, 1), turned))
        equal(conv.forward(o.x, o.w, problem), expected, "Y", source)
    if conv.offers("grad_input"):
        expected = _turned(conv.grad_input(_turned(o.gy), o.w.swapaxes(0, 1), turned))
        equal(conv.grad_input(o.gy, o.w, problem), expected, "dX", source)
    if conv.offers("grad_weight"):
        expected = conv.grad_weight(_turned(o.gy), _turned(o.x), turned).swapaxes(0, 1)
        equal(conv.grad_weight(o.gy, o.x, problem), expected, "dW", source)


@law(
    "translation",
    "X moved by a stride moves Y by a pixel; G moved by a pixel moves dX by a stride; both together leave dW",
    kills="pixels that are treated differently by where they lie: at a tile's, an image's or a vector's edge",
    trust="the canvas is so large that nothing leaves it, and the terms are the same, one place further on",
    seen=("Tencent/ncnn#1283", "uxlfoundation/oneDNN#5080", "tensorflow/tensorflow#16798"),
)
def test_translation(conv: Subject, problem: Problem, seed: int) -> None:
    """The image stands at the upper left, then at the lower right, of a canvas one stride larger; G likewise."""
    s_h, s_w = problem.stride
    canvas = problem.replace(height=problem.height + s_h, width=problem.width + s_w)
    o = exact.operands(problem, seed, conv.format, operators=conv.operators)
    before, after = np.zeros((2, *canvas.x_shape), conv.dtype)
    before[:, :-s_h, :-s_w] = after[:, s_h:, s_w:] = o.x
    gy_before, gy_after = np.zeros((2, *canvas.y_shape), conv.dtype)
    gy_before[:, :-1, :-1] = gy_after[:, 1:, 1:] = o.gy
    if conv.offers("forward"):
        y = conv.forward(before, o.w, canvas)
        equal(conv.forward(after, o.w, canvas)[:, 1:, 1:], y[:, :-1, :-1], "Y[:,1:,1:] of X moved", "Y of X as it was")
    if conv.offers("grad_input"):
        gx = conv.grad_input(gy_before, o.w, canvas)
        moved = conv.grad_input(gy_after, o.w, canvas)
        equal(moved[:, s_h:, s_w:], gx[:, :-s_h, :-s_w], "dX[:,s:,s:] of G moved", "dX of G as it was")
    if conv.offers("grad_weight"):
        gw = conv.grad_weight(gy_before, before, canvas)
        equal(conv.grad_weight(gy_after, after, canvas), gw, "dW of both moved", "dW of both as they were")


def _turned(images: Array) -> Array:
    return images.swapaxes(1, 2)


def _has_shape(name: str, result: Array, of: str, shape: tuple[int, ...]) -> None:
    if result.shape != shape:
        raise LawBroken(f"{name} has shape {result.shape}, but {of} has {shape}")


def _read(problem: Problem) -> Array:
    """Which pixels some window reaches, [height, width]: all (j, m) and (k, n), enumerated."""
    rows, columns = (
        {out * stride + tap * dilation - before for out in range(count) for tap in range(size)}
        for count, stride, size, dilation, before in (
            (problem.out_height, problem.stride[0], problem.kernel[0], problem.dilation[0], problem.padding.top),
            (problem.out_width, problem.stride[1], problem.kernel[1], problem.dilation[1], problem.padding.left),
        )
    )
    read_rows = [row in rows for row in range(problem.height)]
    read_columns = [column in columns for column in range(problem.width)]
    return np.outer(read_rows, read_columns)
