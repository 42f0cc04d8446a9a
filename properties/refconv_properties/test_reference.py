"""Laws that compare with refconv's formulas: the sums themselves, and three other roads to them."""

from __future__ import annotations

import numpy as np

from refconv import exact, index_sum, lowering, rounding, transposed, windows
from refconv.problem import OPERANDS, RESULTS, Problem
from refconv_properties.broken import LawBroken, element, equal, number, only_if
from refconv_properties.laws import law
from refconv_properties.subject import Subject

# About 4 s for the three operators. Beyond, `refconv certify` is what proves a result right.
MOST_LITERAL = 2**22


def _small_enough(problem: Problem) -> None:
    """Ends an example whose literal sum would take minutes; none that is drawn is."""
    products = problem.multiplications
    only_if(products <= MOST_LITERAL, f"a literal sum of {products:,} products takes too long: see refconv certify")


def _is_float(conv: Subject) -> str | None:
    return None if conv.format.rounds else f"{conv.format} does not round"


@law(
    "index-sum",
    "each operator equals the literal index sum, exactly",
    kills="a term that is missing, foreign or repeated",
    trust="it is the definition, computed with Python's numbers in float64 on operands for which every order is exact",
    seen=("Tencent/ncnn#1283", "ROCm/MIOpen#11", "pytorch/pytorch#21597", "ROCm/composable_kernel#2478"),
    reference=True,
)
def test_index_sum(conv: Subject, problem: Problem, seed: int) -> None:
    _small_enough(problem)
    operands = exact.operands(problem, seed, conv.format, operators=conv.operators)
    for operator in conv.operators:
        first, second = (getattr(operands, name) for name in OPERANDS[operator])
        expected = getattr(index_sum, operator)(first, second, problem)
        equal(conv.call(operator, first, second, problem), expected, RESULTS[operator], "the index sum")


@law(
    "rounding",
    "|computed - exact| <= gamma_K (|A| * |B|), element by element, A and B the operands; one operator an example",
    kills="a narrower format than declared: TF32 for float32, float16 sums, partial sums kept in bfloat16",
    trust="the bound holds for every order of summation (Higham, section 3.1), and is computed in rationals",
    seen=("uxlfoundation/oneDNN#5041", "ROCm/rocm-libraries#8029", "pytorch/pytorch#153698"),
    reference=True,
    condition=_is_float,
)
def test_rounding(conv: Subject, problem: Problem, seed: int) -> None:
    _small_enough(problem)
    operator = conv.one_of(seed)
    terms = problem.terms(operator)
    only_if(terms * rounding.unit(conv.format) < 1, f"no bound exists for {terms:,} terms in {conv.format}")
    operands = rounding.operands(problem, seed, conv.format)
    first, second = (getattr(operands, name) for name in OPERANDS[operator])
    computed = conv.call(operator, first, second, problem)
    beyond = rounding.excess(operator, computed, first, second, problem, conv.format)
    if beyond:
        worst = beyond[0]
        raise LawBroken(
            f"{element(RESULTS[operator], worst.index)} = {number(worst.computed)} is {worst.error:.3g} away "
            f"from the exact sum {worst.exact!r}, but rounding in {conv.format} explains at most {worst.bound:.3g}"
        )


@law(
    "lowering",
    "Y = im2col(X) W, dW = im2col(X)^T G, dX = col2im(G W^T)",
    kills="index maps that pick another pixel, tap or channel",
    trust="im2col and col2im are written apart from the index sums, and self-tests hold both together",
    seen=("root-project/root#22474", "jdermody/brightwire#22"),
    reference=True,
)
def test_lowering(conv: Subject, problem: Problem, seed: int) -> None:
    operands = exact.operands(problem, seed, conv.format, operators=conv.operators)
    forms = {
        "forward": "im2col(X) W",
        "grad_input": "col2im(G W^T)",
        "grad_weight": "im2col(X)^T G",
    }
    for operator in conv.operators:
        first, second = (getattr(operands, name) for name in OPERANDS[operator])
        expected = getattr(lowering, operator)(first, second, problem)
        equal(conv.call(operator, first, second, problem), expected, RESULTS[operator], forms[operator])


@law(
    "transposed-forms",
    "dW = conv(X, dilate(G))[:a] and dX = conv(pad(dilate(G)), flip(W)), channels permuted",
    kills="gradients that forget the remainder, the flip, the dilation, or a padding beyond the kernel",
    trust="the derivation proves them, and each step is tested by itself",
    seen=(
        "pytorch/pytorch#23889",
        "apache/mxnet#11203",
        "ml-explore/mlx#833",
        "tracel-ai/burn#4916",
        "huggingface/candle#2337",
    ),
    any_of=("grad_input", "grad_weight"),
)
def test_transposed_forms(conv: Subject, problem: Problem, seed: int) -> None:
    """The convolution on the right is the implementation's own forward pass, where it offers one."""
    operands = exact.operands(problem, seed, conv.format)
    convolution = conv.forward if conv.offers("forward") else windows.forward
    if conv.offers("grad_weight"):
        expected = transposed.grad_weight(operands.gy, operands.x, problem, conv=convolution)
        equal(conv.grad_weight(operands.gy, operands.x, problem), expected, "dW", "conv(X, dilate(G))")
    if conv.offers("grad_input"):
        expected = transposed.grad_input(operands.gy, operands.w, problem, conv=convolution)
        actual = conv.grad_input(operands.gy, operands.w, problem)
        equal(actual, np.asarray(expected), "dX", "conv(dilate(G), flip(W))")
