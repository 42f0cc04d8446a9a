"""Laws of a bilinear map and of its adjoints. They need no reference, and no step size."""

from __future__ import annotations

from refconv import exact
from refconv.problem import Problem
from refconv_properties.broken import LawBroken, dot, equal, number
from refconv_properties.laws import law
from refconv_properties.subject import OPERANDS, RESULTS, Subject


@law(
    "adjoint",
    "<f(X,W), G> = <X, dX(G,W)> = <W, dW(G,X)>",
    kills="gradients of another convolution than the forward pass: padding, stride, dilation, groups, remainder",
    needs=("forward",),
    any_of=("grad_input", "grad_weight"),
)
def test_adjoint(conv: Subject, problem: Problem, seed: int) -> None:
    o = exact.operands(problem, seed, conv.dtype, stored=True)
    forward = dot(conv.forward(o.x, o.w, problem), o.gy, "Y")
    if conv.offers("grad_input"):
        _same(forward, dot(conv.grad_input(o.gy, o.w, problem), o.x, "dX"), "<X, dX>")
    if conv.offers("grad_weight"):
        _same(forward, dot(conv.grad_weight(o.gy, o.x, problem), o.w, "dW"), "<W, dW>")


@law(
    "unit-step",
    "f(X+V, W) - f(X, W) = f(V, W); f(X, W+V) - f(X, W) = f(X, V)",
    kills="a forward pass that is not the map its gradients are of: clamping, stale or foreign terms",
    needs=("forward",),
)
def test_unit_step(conv: Subject, problem: Problem, seed: int) -> None:
    """The directional derivative of a bilinear map is a difference with step 1, exactly."""
    o = exact.operands(problem, seed, conv.dtype, operators=("forward",), headroom=2, stored=True)
    v_x = exact.integers(problem.x_shape, o.magnitude, conv.dtype, seed, stream=10)
    v_w = exact.integers(problem.w_shape, o.magnitude, conv.dtype, seed, stream=11)
    y = conv.forward(o.x, o.w, problem)
    difference = conv.forward(o.x + v_x, o.w, problem) - y
    equal(difference, conv.forward(v_x, o.w, problem), "f(X+V,W) - f(X,W)", "f(V,W)")
    difference = conv.forward(o.x, o.w + v_w, problem) - y
    equal(difference, conv.forward(o.x, v_w, problem), "f(X,W+V) - f(X,W)", "f(X,V)")


@law(
    "bilinear",
    "f(2A+B, C) = 2 f(A,C) + f(B,C), and likewise in the second operand; one operator an example, by the seed",
    kills="scale factors, accumulation into what was there before, operands mixed up",
)
def test_bilinear(conv: Subject, problem: Problem, seed: int) -> None:
    operator = conv.one_of(seed)
    name = RESULTS[operator]
    first, second = OPERANDS[operator]
    # 2A + B is three times as large as A; the sum on the right is as large as that on the left.
    o = exact.operands(problem, seed, conv.dtype, operators=(operator,), headroom=3, stored=True)
    a, c = getattr(o, first), getattr(o, second)
    b = exact.integers(a.shape, o.magnitude, conv.dtype, seed, stream=12)
    d = exact.integers(c.shape, o.magnitude, conv.dtype, seed, stream=13)
    result = conv.call(operator, a, c, problem)
    combined = conv.call(operator, 2 * a + b, c, problem)
    equal(combined, 2 * result + conv.call(operator, b, c, problem), f"{name}(2A+B,C)", f"2 {name}(A,C) + {name}(B,C)")
    combined = conv.call(operator, a, 2 * c + d, problem)
    equal(combined, 2 * result + conv.call(operator, a, d, problem), f"{name}(A,2C+D)", f"2 {name}(A,C) + {name}(A,D)")


def _same(forward: object, gradient: object, form: str) -> None:
    if forward != gradient:
        raise LawBroken(f"<Y, G> = {number(forward)}, but {form} = {number(gradient)}")
