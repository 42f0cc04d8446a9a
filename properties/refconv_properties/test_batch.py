"""Laws of the batch: images do not see one another."""

from __future__ import annotations

import numpy as np

from refconv import exact
from refconv.problem import Problem
from refconv_properties.broken import LawBroken, element, equal, number
from refconv_properties.laws import law
from refconv_properties.subject import Subject


@law(
    "batch",
    "each image's result is its own, in any order; dW is the sum over images, and 0 for batch 0",
    kills="images mixed up, values that depend on the batch's size, stale results for an empty batch",
)
def test_batch(conv: Subject, problem: Problem, seed: int) -> None:
    """A problem of fewer than two images is taken with two."""
    many = problem.replace(batch=max(2, problem.batch))
    one, none = problem.replace(batch=1), problem.replace(batch=0)
    o = exact.operands(many, seed, conv.dtype, operators=conv.operators)
    reverse = slice(None, None, -1)
    if conv.offers("forward"):
        alone = [conv.forward(o.x[i : i + 1], o.w, one) for i in range(many.batch)]
        equal(conv.forward(o.x, o.w, many), np.concatenate(alone), "Y", "each image alone")
        equal(conv.forward(o.x[reverse], o.w, many), np.concatenate(alone[reverse]), "Y", "the images in reverse")
        conv.forward(o.x[:0], o.w, none)
    if conv.offers("grad_input"):
        alone = [conv.grad_input(o.gy[i : i + 1], o.w, one) for i in range(many.batch)]
        equal(conv.grad_input(o.gy, o.w, many), np.concatenate(alone), "dX", "each image alone")
        equal(conv.grad_input(o.gy[reverse], o.w, many), np.concatenate(alone[reverse]), "dX", "the images in reverse")
        conv.grad_input(o.gy[:0], o.w, none)
    if conv.offers("grad_weight"):
        total = sum(conv.grad_weight(o.gy[i : i + 1], o.x[i : i + 1], one) for i in range(many.batch))
        equal(conv.grad_weight(o.gy, o.x, many), np.asarray(total), "dW", "the sum over the images alone")
        gw = conv.grad_weight(o.gy[:0], o.x[:0], none)
        wrong = np.argwhere(~(gw == 0))
        if wrong.size:
            index = tuple(int(i) for i in wrong[0])
            raise LawBroken(f"{element('dW', index)} = {number(gw[index])} for batch 0, but an empty sum is 0")
