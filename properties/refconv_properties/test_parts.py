"""Laws of parts: a convolution is the sum, or the concatenation, of smaller ones."""

from __future__ import annotations

import numpy as np

from refconv import exact, windows
from refconv.operands import Array
from refconv.problem import OPERANDS, RESULTS, Operator, Problem
from refconv_properties.broken import equal, only_if
from refconv_properties.laws import law
from refconv_properties.subject import Subject


@law(
    "channels",
    "sums over slices of input channels, concatenations of slices of output channels, groups as separate problems",
    kills="channels mixed up, dropped or counted twice beyond a vector or a tile; groups in another order",
    trust="each part's terms are among the whole's, and each of the whole's is in one part",
    seen=(
        "pytorch/pytorch#21597",
        "ml-explore/mlx#1449",
        "iree-org/iree#23786",
        "tracel-ai/burn#5626",
        "ROCm/composable_kernel#2478",
    ),
)
def test_channels(conv: Subject, problem: Problem, seed: int) -> None:
    """Groups apart; without groups, input or output channels cut in two, and one channel is taken with two.

    One operator an example, by the seed.
    """
    random = np.random.default_rng([seed, 31])
    operator = conv.one_of(seed)
    name = RESULTS[operator]
    if problem.groups > 1:
        p, l = problem.c_in_per_group, problem.c_out_per_group
        part = problem.replace(c_in=p, c_out=l, groups=1)
        cuts = [(slice(g * p, (g + 1) * p), slice(g * l, (g + 1) * l), part) for g in range(problem.groups)]
        source, summed = "each group as a problem of its own", False
    else:
        problem = problem.replace(c_in=max(2, problem.c_in), c_out=max(2, problem.c_out))
        cuts, source, summed = _cut(problem, operator, random)
    o = exact.operands(problem, seed, conv.format, operators=(operator,), stored=True)  # parts are added
    # Of W and dW the last two axes are the channels in and out; without groups those in are all of a tap's.
    taps_in = slice(None) if problem.groups > 1 else None

    def weights(inputs: slice, outputs: slice) -> Array:
        return o.w[:, :, taps_in or inputs, outputs]

    calls = {
        "forward": lambda i, k, part: conv.forward(o.x[..., i], weights(i, k), part),
        "grad_input": lambda i, k, part: conv.grad_input(o.gy[..., k], weights(i, k), part),
        "grad_weight": lambda i, k, part: conv.grad_weight(o.gy[..., k], o.x[..., i], part),
    }
    parts = [calls[operator](inputs, outputs, part) for inputs, outputs, part in cuts]
    axis = 2 if operator == "grad_weight" and problem.groups == 1 and cuts[0][1] == slice(None) else -1
    expected = np.asarray(sum(parts)) if summed else np.concatenate(parts, axis=axis)
    first, second = (getattr(o, operand) for operand in OPERANDS[operator])
    equal(conv.call(operator, first, second, problem), expected, name, source)


def _cut(
    problem: Problem, operator: Operator, random: np.random.Generator
) -> tuple[list[tuple[slice, slice, Problem]], str, bool]:
    """Two slices of input or of output channels, what they are called, and whether the results are summed."""
    everything = slice(None)
    if random.integers(2):
        at = int(random.integers(1, problem.c_in))
        inputs = [(slice(at), everything, problem.replace(c_in=at))]
        inputs += [(slice(at, None), everything, problem.replace(c_in=problem.c_in - at))]
        return inputs, f"its input channels cut at {at}", operator == "forward"
    at = int(random.integers(1, problem.c_out))
    outputs = [(everything, slice(at), problem.replace(c_out=at))]
    outputs += [(everything, slice(at, None), problem.replace(c_out=problem.c_out - at))]
    return outputs, f"its output channels cut at {at}", operator == "grad_input"


@law(
    "taps",
    "a convolution is the sum over its taps of 1x1 convolutions of the pixels that each tap reads; gradients likewise",
    kills="taps that read another pixel than the index map says; special code for 1x1, 3x3 or 5x5 kernels",
    trust="the terms of tap (m, n) are those of a 1x1 convolution of X sliced at m d, n d in steps of s",
    seen=("pytorch/pytorch#55381", "ROCm/MIOpen#97", "ROCm/MIOpen#55", "apache/tvm#4260"),
)
def test_taps(conv: Subject, problem: Problem, seed: int) -> None:
    """One operator an example, by the seed."""
    only_if(problem.kernel != (1, 1))
    operator = conv.one_of(seed)
    o = exact.operands(problem, seed, conv.format, operators=(operator,), stored=True)
    one = problem.replace(height=problem.out_height, width=problem.out_width, kernel=1, stride=1, dilation=1, padding=0)
    padded = windows.pad(o.x, problem)
    source = "the sum over its taps"
    if operator == "forward":
        y = sum(conv.forward(padded[read], o.w[tap], one) for tap, read in _taps(problem))
        equal(conv.forward(o.x, o.w, problem), np.asarray(y), "Y", source)
    elif operator == "grad_weight":
        gw = np.zeros(problem.w_shape, conv.dtype)
        for tap, read in _taps(problem):
            gw[tap] = conv.grad_weight(o.gy, padded[read], one)
        equal(conv.grad_weight(o.gy, o.x, problem), gw, "dW", "each of its taps")
    else:
        gx = np.zeros_like(padded)
        for tap, read in _taps(problem):
            gx[read] += conv.grad_input(o.gy, o.w[tap], one)
        top, _, left, _ = problem.padding
        inside: Array = gx[:, top : top + problem.height, left : left + problem.width]
        equal(conv.grad_input(o.gy, o.w, problem), inside, "dX", source)


def _taps(problem: Problem) -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """For each tap, its place in W, and the padded pixels that it reads."""
    (s_h, s_w), (d_h, d_w) = problem.stride, problem.dilation
    rows, columns = (problem.out_height - 1) * s_h + 1, (problem.out_width - 1) * s_w + 1
    return [
        (
            (slice(m, m + 1), slice(n, n + 1)),
            (slice(None), slice(m * d_h, m * d_h + rows, s_h), slice(n * d_w, n * d_w + columns, s_w)),
        )
        for m in range(problem.kernel.height)
        for n in range(problem.kernel.width)
    ]
