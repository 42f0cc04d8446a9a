"""Laws of the batch: images do not see one another."""

from __future__ import annotations

import numpy as np

from refconv import exact
from refconv.operands import Array
from refconv.problem import OPERANDS, RESULTS, Problem
from refconv_properties.broken import LawBroken, element, equal, number
from refconv_properties.laws import law
from refconv_properties.subject import Subject


@law(
    "batch",
    "each image's result is its own, in any order; dW is the sum over images, and 0 for batch 0",
    kills="images mixed up, values that depend on the batch's size, stale results for an empty batch",
    trust="each image's sum runs over that image alone, and integer sums do not depend on their order",
    seen=(
        "ggml-org/ggml#993",
        "ggml-org/ggml#737",
        "pytorch/pytorch#59515",
        "tensorflow/tensorflow#1299",
        "FluxML/NNlib.jl#763",
        "LBANN/lbann#1022",
    ),
)
def test_batch(conv: Subject, problem: Problem, seed: int) -> None:
    """A problem of fewer than two images is taken with two. One operator an example, by the seed."""
    many = problem.replace(batch=max(2, problem.batch))
    one, none = problem.replace(batch=1), problem.replace(batch=0)
    operator = conv.one_of(seed)
    name = RESULTS[operator]
    o = exact.operands(many, seed, conv.format, operators=(operator,), stored=True)  # dW's are added
    first, second = (getattr(o, operand) for operand in OPERANDS[operator])
    images = [slice(i, i + 1) for i in range(many.batch)]
    reverse, nobody = slice(None, None, -1), slice(0)

    def of(chosen: slice, part: Problem) -> Array:
        # W has no images.
        return conv.call(operator, first[chosen], second if operator != "grad_weight" else second[chosen], part)

    result = conv.call(operator, first, second, many)
    alone = [of(image, one) for image in images]
    empty = of(nobody, none)
    if operator == "grad_weight":
        equal(result, np.asarray(sum(alone)), name, "the sum over the images alone")
        wrong = np.argwhere(~(empty == 0))
        if wrong.size:
            index = tuple(int(i) for i in wrong[0])
            raise LawBroken(f"{element(name, index)} = {number(empty[index])} for batch 0, but an empty sum is 0")
    else:
        equal(result, np.concatenate(alone), name, "each image alone")
    turned = result if operator == "grad_weight" else result[::-1]
    equal(of(reverse, many), turned, name, "the images in reverse")
