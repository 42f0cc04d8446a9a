"""Laws of a bilinear map and of its adjoints. They need no reference, and no step size."""

from __future__ import annotations

from refconv import exact
from refconv.problem import OPERANDS, RESULTS, Problem
from refconv_properties.broken import LawBroken, dot, equal, number
from refconv_properties.laws import law
from refconv_properties.subject import Subject


@law(
    "adjoint",
    "<f(X,W), G> = <X, dX(G,W)> = <W, dW(G,X)>",
    kills="gradients of another convolution than the forward pass: padding, stride, dilation, groups, remainder",
    trust="both sides are the same sum of products X W G, of exact integers",
    seen=(
        "uxlfoundation/oneDNN#4081",
        "fujitsu/oneDNN#43",
        "ml-explore/mlx#3800",
        "pytorch/pytorch#5057",
        "tensorflow/tensorflow#11092",
    ),
    needs=("forward",),
    any_of=("grad_input", "grad_weight"),
)
def test_adjoint(conv: Subject, problem: Problem, seed: int) -> None:
    o = exact.operands(problem, seed, conv.format, stored=True)
    forward = dot(conv.forward(o.x, o.w, problem), o.gy, "Y")
    if conv.offers("grad_input"):
        _same(forward, dot(conv.grad_input(o.gy, o.w, problem), o.x, "dX"), "<X, dX>")
    if conv.offers("grad_weight"):
        _same(forward, dot(conv.grad_weight(o.gy, o.x, problem), o.w, "dW"), "<W, dW>")


@law(
    "unit-step",
    "f(X+V, W) - f(X, W) = f(V, W); f(X, W+V) - f(X, W) = f(X, V)",
    kills="a forward pass that is not the map its gradients are of: clamping, stale or foreign terms",
    trust="the map is bilinear, so its difference quotient has no truncation error at any step",
    seen=("pytorch/pytorch#12484", "pytorch/xla#1017"),
    needs=("forward",),
)
def test_unit_step(conv: Subject, problem: Problem, seed: int) -> None:
    """The directional derivative of a bilinear map is a difference with step 1, exactly."""
    o = exact.operands(problem, seed, conv.format, operators=("forward",), headroom=2, stored=True)
    v_x = exact.integers(problem.x_shape, o.magnitude, conv.format, seed, stream=10)
    v_w = exact.integers(problem.w_shape, o.magnitude, conv.format, seed, stream=11)
    y = conv.forward(o.x, o.w, problem)
    difference = conv.forward(o.x + v_x, o.w, problem) - y
    equal(difference, conv.forward(v_x, o.w, problem), "f(X+V,W) - f(X,W)", "f(V,W)")
    difference = conv.forward(o.x, o.w + v_w, problem) - y
    equal(difference, conv.forward(o.x, v_w, problem), "f(X,W+V) - f(X,W)", "f(X,V)")


@law(
    "bilinear",
    "f(2A+B, C) = 2 f(A,C) + f(B,C), and likewise in the second operand; one operator an example, by the seed",
    kills="scale factors, accumulation into what was there before, operands mixed up",
    trust="sums of integers are exact, and the headroom covers the combination",
    seen=("LBANN/lbann#1022", "sebgao/cTensor#3"),
)
def test_bilinear(conv: Subject, problem: Problem, seed: int) -> None:
    operator = conv.one_of(seed)
    name = RESULTS[operator]
    first, second = OPERANDS[operator]
    # 2A + B is three times as large as A; the sum on the right is as large as that on the left.
    o = exact.operands(problem, seed, conv.format, operators=(operator,), headroom=3, stored=True)
    a, c = getattr(o, first), getattr(o, second)
    b = exact.integers(a.shape, o.magnitude, conv.format, seed, stream=12)
    d = exact.integers(c.shape, o.magnitude, conv.format, seed, stream=13)
    result = conv.call(operator, a, c, problem)
    combined = conv.call(operator, 2 * a + b, c, problem)
    equal(combined, 2 * result + conv.call(operator, b, c, problem), f"{name}(2A+B,C)", f"2 {name}(A,C) + {name}(B,C)")
    combined = conv.call(operator, a, 2 * c + d, problem)
    equal(combined, 2 * result + conv.call(operator, a, d, problem), f"{name}(A,2C+D)", f"2 {name}(A,C) + {name}(A,D)")


@law(
    "second-order",
    "<dX(G,W), V> = <f(V,W), G> = <dW(G,V), W>, and dX(G,W+V) - dX(G,W) = dX(G,V), dW(G,X+V) - dW(G,X) = dW(G,V)",
    kills="gradients that are right at the operands of the forward pass only: saved, cached or mixed-up ones",
    trust="the three operators are one trilinear form, so the derivatives of each are the other two, exactly",
    seen=("pytorch/pytorch#23889", "pytorch/pytorch#5057"),
    any_of=("grad_input", "grad_weight"),
)
def test_second_order(conv: Subject, problem: Problem, seed: int) -> None:
    """V takes the place of X, or is added to an operand of a gradient: what double backward computes."""
    o = exact.operands(problem, seed, conv.format, headroom=2, stored=True)
    v_x = exact.integers(problem.x_shape, o.magnitude, conv.format, seed, stream=14)
    v_w = exact.integers(problem.w_shape, o.magnitude, conv.format, seed, stream=15)
    pairings = {}
    if conv.offers("grad_input"):
        gx = conv.grad_input(o.gy, o.w, problem)
        pairings["<dX(G,W), V>"] = dot(gx, v_x, "dX")
        difference = conv.grad_input(o.gy, o.w + v_w, problem) - gx
        equal(difference, conv.grad_input(o.gy, v_w, problem), "dX(G,W+V) - dX(G,W)", "dX(G,V)")
    if conv.offers("forward"):
        pairings["<f(V,W), G>"] = dot(conv.forward(v_x, o.w, problem), o.gy, "Y")
    if conv.offers("grad_weight"):
        gw, gw_v = conv.grad_weight(o.gy, o.x, problem), conv.grad_weight(o.gy, v_x, problem)
        pairings["<dW(G,V), W>"] = dot(gw_v, o.w, "dW")
        difference = conv.grad_weight(o.gy, o.x + v_x, problem) - gw
        equal(difference, gw_v, "dW(G,X+V) - dW(G,X)", "dW(G,V)")
    (name, value), *others = pairings.items()
    for other, also in others:
        if value != also:
            raise LawBroken(f"{name} = {number(value)}, but {other} = {number(also)}")


def _same(forward: object, gradient: object, form: str) -> None:
    if forward != gradient:
        raise LawBroken(f"<Y, G> = {number(forward)}, but {form} = {number(gradient)}")
