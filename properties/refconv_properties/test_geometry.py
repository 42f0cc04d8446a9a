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
)
def test_output_size(conv: Subject, problem: Problem, seed: int) -> None:
    """The defining inequality, not the formula again; gradients have the shape of what they are gradients by."""
    o = exact.operands(problem, seed, conv.dtype, operators=conv.operators)
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
)
def test_crop(conv: Subject, problem: Problem, seed: int) -> None:
    unread = ~_read(problem)
    only_if(unread.any() and problem.batch > 0)
    o = exact.operands(problem, seed, conv.dtype, operators=conv.operators)
    other = exact.integers(problem.x_shape, o.magnitude, conv.dtype, seed, stream=20)
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
)
def test_subsample(conv: Subject, problem: Problem, seed: int) -> None:
    s_h, s_w = problem.stride
    only_if((s_h, s_w) != (1, 1))
    dense = problem.replace(stride=1)
    # grad_weight adds no more terms than before: the others are zero.
    o = exact.operands(problem, seed, conv.dtype, operators=conv.operators)
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
)
def test_explicit_pad(conv: Subject, problem: Problem, seed: int) -> None:
    only_if(any(problem.padding))
    bare = problem.replace(height=problem.padded.height, width=problem.padded.width, padding=0)
    o = exact.operands(problem, seed, conv.dtype, operators=conv.operators)
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
)
def test_transpose(conv: Subject, problem: Problem, seed: int) -> None:
    turned = exchanged(problem)
    o = exact.operands(problem, seed, conv.dtype, operators=conv.operators)
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
