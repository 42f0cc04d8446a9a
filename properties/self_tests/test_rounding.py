"""The rounding bound: no correct float32 sum exceeds it, in any order; TF32 and float16 accumulation do."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from refconv import index_sum, lowering, rounding, transposed, windows
from refconv.problem import OPERATORS, Problem
from refconv_properties import strategies

ARGUMENTS = {"forward": ("x", "w"), "grad_input": ("gy", "w"), "grad_weight": ("gy", "x")}
SMALL = strategies.problems(max_multiplications=512)
SEARCH = settings(deadline=None, database=None, derandomize=True, max_examples=500, phases=[Phase.generate])
every_operator = pytest.mark.parametrize("operator", OPERATORS)
every_narrow_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float16])
# The t of u = 2^-t in gamma: 24, and 22 where a tensor core may add.
every_gamma = pytest.mark.parametrize(
    ("dtype", "bits"), [("float64", 53), ("float32", 24), ("tf32", 22), ("float16", 22), ("bfloat16", 22)]
)


def drawn(operator, problem, seed, dtype):
    operands = rounding.operands(problem, seed, dtype)
    return [getattr(operands, name) for name in ARGUMENTS[operator]]


# -- implementations, right and wrong ----------------------------------------------------------------


def accumulating(dtype, random):
    """A forward pass that adds rounded products (no fused multiply-add) in ``dtype``, in a random order."""

    def forward(x, w, problem):
        columns = lowering.im2col(x, problem).astype(np.float32)
        weights = lowering.weight_matrices(w, problem).astype(np.float32)
        total = np.zeros((*columns.shape[:2], weights.shape[2]), dtype)
        for term in random.permutation(problem.terms("forward")):
            total += (columns[:, :, term, None] * weights[:, None, term]).astype(dtype)
        return lowering.from_pixel_matrices(total, problem)

    return forward


def run(operator, first, second, problem, *, order, accumulator=np.float32):
    """The operator as a sum in ``accumulator``, unrounded; gradients as convolutions, whose zeros add nothing."""
    conv = accumulating(accumulator, np.random.default_rng(order))
    first, second = first.astype(np.float32), second.astype(np.float32)
    if operator == "forward":
        return conv(first, second, problem)
    return getattr(transposed, operator)(first, second, problem, conv=conv)


def truncated_to_tf32(values):
    """``values`` with 10 of float32's 23 explicit significand bits left, as a tensor core reads them."""
    return (values.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)


def fractions(values):
    exact = np.empty(values.shape, object)
    for index in np.ndindex(values.shape):
        exact[index] = Fraction(float(values[index]))
    return exact


def test_tf32_by_hand():
    values = np.array([1 + 2.0**-10, 1 + 2.0**-11, -1 - 2.0**-10 - 2.0**-23], np.float32)
    assert truncated_to_tf32(values).tolist() == [1 + 2.0**-10, 1, -1 - 2.0**-10]


# -- gamma -------------------------------------------------------------------------------------------


@every_gamma
@given(terms=st.integers(1, 10**6))
def test_gamma_is_an_exact_fraction(dtype, bits, terms):
    # K u / (1 - K u) with u = 2^-t is K / (2^t - K).
    assert rounding.gamma(terms, dtype) == Fraction(terms, 2**bits - terms)
    assert isinstance(rounding.gamma(terms, dtype), Fraction)


def test_operands_of_tf32_are_rounded_too():
    # (1 + 2^-11)^2 (1 + 3 / (2^22 - 3)) - 1; the other formats multiply what is stored.
    assert rounding.relative(3, "tf32") == Fraction(2049, 2048) ** 2 * Fraction(2**22, 2**22 - 3) - 1
    for form in ("float64", "float32", "float16", "bfloat16"):
        assert rounding.relative(3, form) == rounding.gamma(3, form)


def test_gamma_of_nothing_and_of_integers_is_zero():
    assert rounding.gamma(0, "float32") == 0
    assert rounding.gamma(10**9, "int64") == 0


@every_gamma
def test_gamma_ends_where_the_bound_does(dtype, bits):
    assert rounding.gamma(2**bits - 1, dtype) == 2**bits - 1
    with pytest.raises(ValueError, match=f"terms = {2**bits} must be less than 1/u = {2**bits}"):
        rounding.gamma(2**bits, dtype)


# -- operands ----------------------------------------------------------------------------------------


def test_every_bit_of_the_operands_is_drawn():
    operands = rounding.operands(Problem.parse("b4h8w8i8o8k3"), 0, np.float32)
    for array in (operands.x, operands.w, operands.gy):
        assert array.dtype == np.float32
        bits = array.view(np.uint32).ravel()
        fraction_and_sign = 0x807FFFFF
        assert np.bitwise_or.reduce(bits) & fraction_and_sign == fraction_and_sign
        assert np.bitwise_and.reduce(bits) & fraction_and_sign == 0
        assert {math.frexp(value)[1] - 1 for value in array.ravel().tolist()} == set(range(-4, 4))


@every_narrow_dtype
def test_operands_have_the_shapes_and_stay_in_range(dtype):
    problem = Problem.parse("b4h8w9i6o4k3x2g2")
    operands = rounding.operands(problem, 3, dtype)
    assert (operands.x.shape, operands.w.shape) == (problem.x_shape, problem.w_shape)
    assert operands.gy.shape == problem.y_shape
    for array in (operands.x, operands.w, operands.gy):
        assert array.dtype == dtype
        assert np.abs(array).min() >= 2.0**-4
        assert np.abs(array).max() <= 2.0**4


def test_the_same_seed_draws_the_same():
    problem = Problem.parse("b4h4w1i4o4k4x1p3.0.0.0")  # all three of one size
    one, two, other = (rounding.operands(problem, seed, np.float32) for seed in (5, 5, 6))
    for name in ("x", "w", "gy"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
        assert not np.array_equal(getattr(one, name), getattr(other, name))
    assert len({one.x.tobytes(), one.w.tobytes(), one.gy.tobytes()}) == 3


# -- what is right is never reported ---------------------------------------------------------------------


@every_operator
@settings(deadline=None, max_examples=60)
@given(problem=SMALL, seed=strategies.seeds(), order=strategies.seeds())
def test_float32_in_any_order_is_within(operator, problem, seed, order):
    first, second = drawn(operator, problem, seed, np.float32)
    computed = run(operator, first, second, problem, order=order)
    assert rounding.excess(operator, computed, first, second, problem) == []


@every_operator
@settings(deadline=None, max_examples=40)
@given(problem=SMALL, seed=strategies.seeds(), order=strategies.seeds())
def test_float16_stored_once_is_within(operator, problem, seed, order):
    first, second = drawn(operator, problem, seed, np.float16)
    computed = run(operator, first, second, problem, order=order).astype(np.float16)
    assert rounding.excess(operator, computed, first, second, problem) == []


@every_operator
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@settings(deadline=None, max_examples=20)
@given(problem=SMALL, seed=strategies.seeds())
def test_the_oracles_are_within(operator, dtype, problem, seed):
    first, second = drawn(operator, problem, seed, dtype)
    for oracle in (index_sum, windows, lowering):
        computed = getattr(oracle, operator)(first, second, problem)
        assert rounding.excess(operator, computed, first, second, problem) == []


@every_operator
@pytest.mark.parametrize(
    ("second", "stored"),
    [
        (2.0**-14 + 2.0**-22, 2.0**-24),  # to the smallest subnormal, 2^-32 off, which is more than 2^-11 of it
        (2.0**-16, 0),  # to nothing at all
    ],
)
def test_float16_may_underflow(operator, second, stored):
    problem = Problem.parse("b1h1w1i1o1k1")
    first, second = np.full((1, 1, 1, 1), 2.0**-10, np.float16), np.full((1, 1, 1, 1), second, np.float16)
    computed = run(operator, first, second, problem, order=0).astype(np.float16)
    assert computed.item() == stored
    assert rounding.excess(operator, computed, first, second, problem) == []
    computed[...] = 2.0**-23  # two steps away
    assert len(rounding.excess(operator, computed, first, second, problem)) == 1


# -- what is wrong is -----------------------------------------------------------------------------------


def found(operator, wrong, dtype):
    """A problem and a seed, not shrunk, for which ``wrong`` is reported; `find` raises where there is none."""

    def reported(case):
        problem, seed = case
        first, second = drawn(operator, problem, seed, dtype)
        return rounding.excess(operator, wrong(operator, first, second, problem), first, second, problem) != []

    return find(st.tuples(SMALL, strategies.seeds()), reported, settings=SEARCH)


@every_operator
def test_tf32_operands_are_found(operator):
    def tf32(operator, first, second, problem):
        return run(operator, truncated_to_tf32(first), truncated_to_tf32(second), problem, order=0)

    found(operator, tf32, np.float32)


@every_operator
def test_float16_accumulation_is_found(operator):
    def half(operator, first, second, problem):
        return run(operator, first, second, problem, order=0, accumulator=np.float16).astype(np.float32)

    found(operator, half, np.float32)


@every_operator
def test_float16_accumulation_of_float16_is_found(operator):
    # One term is rounded once either way; it takes two roundings to tell float16 sums from float16 storage.
    def half(operator, first, second, problem):
        return run(operator, first, second, problem, order=0, accumulator=np.float16).astype(np.float16)

    problem, _ = found(operator, half, np.float16)
    assert problem.terms(operator) > 1


@every_operator
def test_truncation_to_float16_is_found(operator):
    def truncated(operator, first, second, problem):
        exact = run(operator, first, second, problem, order=0)
        nearest = exact.astype(np.float16)
        return np.where(np.abs(nearest) > np.abs(exact), np.nextafter(nearest, np.float16(0)), nearest)

    found(operator, truncated, np.float16)


@every_operator
def test_tf32_is_reported_for_every_seed(operator):
    # Not a lucky search: 3x3 with 9 to 64 terms a sum tells TF32 every time, and float32 never.
    problem = Problem.parse("b1h8w8i2o2k3p1")
    for seed in range(10):
        first, second = drawn(operator, problem, seed, np.float32)
        coarse = run(operator, truncated_to_tf32(first), truncated_to_tf32(second), problem, order=seed)
        assert rounding.excess(operator, coarse, first, second, problem)
        assert not rounding.excess(operator, run(operator, first, second, problem, order=seed), first, second, problem)


@every_operator
@every_narrow_dtype
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_beyond_every_bound(operator, dtype, value):
    problem = Problem.parse("b1h3w3i2o2k2")
    first, second = drawn(operator, problem, 0, dtype)
    computed = getattr(index_sum, operator)(first, second, problem)
    exact = getattr(index_sum, operator)(fractions(first), fractions(second), problem)
    for index in np.ndindex(computed.shape):
        broken = computed.copy()
        broken[index] = value
        (report,) = rounding.excess(operator, broken, first, second, problem)
        assert report.index == index
        assert np.array_equal(report.computed, value, equal_nan=True)
        assert report.exact == float(exact[index])
        assert math.isnan(report.error)


def one_product(x, w, computed):
    problem = Problem.parse("b1h1w1i1o1k1")
    first, second, computed = (np.full((1, 1, 1, 1), value, np.float32) for value in (x, w, computed))
    return rounding.excess("forward", computed, first, second, problem)


def test_the_bound_is_sharp():
    # gamma_1 = 1/(2^24 - 1), a little over 2^-24: half a unit below 1 is allowed, a whole one above is not.
    assert one_product(1, 1, 1) == []
    assert one_product(1, 1, 1 - 2.0**-24) == []
    (report,) = one_product(1, 1, 1 + 2.0**-23)
    assert (report.index, report.computed, report.exact) == ((0, 0, 0, 0), 1 + 2.0**-23, 1)
    assert report.error == 2.0**-23
    assert report.bound == float(Fraction(1, 2**24 - 1))
    # Around 15 a unit is 2^-20, and 15 * 2^-24 is less.
    assert one_product(3, -5, -15) == []
    assert len(one_product(3, -5, -15 - 2.0**-20)) == 1
    assert len(one_product(3, -5, 15)) == 1
    assert len(one_product(1, 1, 0)) == 1


def test_errors_are_exact_where_float64_is_not():
    # 2^60 + (1 + 2^-23)^2 - 2^60: added in float64, the product would be gone.
    problem = Problem.parse("b1h1w1i3o1k1")
    one = 1 + 2.0**-23
    first = np.array([2.0**60, one, -(2.0**60)], np.float32).reshape(problem.x_shape)
    second = np.array([1, one, 1], np.float32).reshape(problem.w_shape)
    computed = np.full(problem.y_shape, 2.0**100, np.float32)
    (report,) = rounding.excess("forward", computed, first, second, problem)
    assert report.exact == one * one
    assert report.bound == float(Fraction(3, 2**24 - 3) * (2**61 + Fraction(one) ** 2))


def test_elements_are_reported_first_to_last():
    problem = Problem.parse("b2h2w2i1o2k1")
    first, second = drawn("forward", problem, 0, np.float32)
    computed = index_sum.forward(first, second, problem)
    for index in ((1, 1, 0, 1), (0, 0, 1, 0), (1, 0, 0, 0)):
        computed[index] += 1
    reports = rounding.excess("forward", computed, first, second, problem)
    assert [report.index for report in reports] == [(0, 0, 1, 0), (1, 0, 0, 0), (1, 1, 0, 1)]


# -- the bound as an array --------------------------------------------------------------------------------


def exact_bounds(operator, first, second, problem):
    """`excess`'s bound of every element: it reports it for each, where each is NaN."""
    nothing = np.full(problem.result_shape(operator), np.nan, first.dtype)
    bounds = np.empty(nothing.shape)
    for report in rounding.excess(operator, nothing, first, second, problem):
        bounds[report.index] = report.bound
    return bounds


@every_operator
@every_narrow_dtype
@settings(deadline=None, max_examples=50)
@given(problem=SMALL, seed=strategies.seeds())
def test_bound_encloses_the_exact_bound_and_little_more(operator, dtype, problem, seed):
    first, second = drawn(operator, problem, seed, dtype)
    bounds = rounding.bound(operator, first, second, problem)
    exact = exact_bounds(operator, first, second, problem)
    assert bounds.dtype == np.float64
    assert bounds.shape == problem.result_shape(operator)
    assert (bounds >= exact).all()
    if dtype is np.float32:
        assert (bounds <= exact * (1 + 2.0**-20)).all()


@every_narrow_dtype
@pytest.mark.parametrize("side", [32, 64, 128])
def test_bound_encloses_the_exact_bound_of_long_sums(dtype, side):
    # The final rounding is relative to the computed sum, which may be gamma_K larger than the exact one. From
    # K = 2^13 terms on, gamma_K is more than float16's u.
    problem = Problem.parse(f"b1h{side}w{side}i1o1k1")
    first, second = np.ones(problem.y_shape, dtype), np.ones(problem.x_shape, dtype)
    bounds = rounding.bound("grad_weight", first, second, problem)
    assert (bounds >= exact_bounds("grad_weight", first, second, problem)).all()


@every_operator
@settings(deadline=None, max_examples=50)
@given(problem=SMALL, seed=strategies.seeds(), order=strategies.seeds())
def test_bound_holds_against_the_float64_oracle(operator, problem, seed, order):
    first, second = drawn(operator, problem, seed, np.float32)
    oracle = getattr(windows, operator)(first.astype(np.float64), second.astype(np.float64), problem)
    error = np.abs(run(operator, first, second, problem, order=order).astype(np.float64) - oracle)
    assert (error <= rounding.bound(operator, first, second, problem)).all()


@every_operator
def test_bound_tells_tf32_too(operator):
    problem = Problem.parse("b1h8w8i2o2k3p1")
    first, second = drawn(operator, problem, 0, np.float32)
    oracle = getattr(windows, operator)(first.astype(np.float64), second.astype(np.float64), problem)
    coarse = run(operator, truncated_to_tf32(first), truncated_to_tf32(second), problem, order=0)
    error = np.abs(coarse.astype(np.float64) - oracle)
    assert not (error <= rounding.bound(operator, first, second, problem)).all()


@every_operator
def test_batch_0(operator):
    problem = Problem.parse("b0h2w2i1o1k1")
    first, second = drawn(operator, problem, 0, np.float32)
    computed = getattr(index_sum, operator)(first, second, problem)
    assert rounding.excess(operator, computed, first, second, problem) == []
    assert (rounding.bound(operator, first, second, problem) == 0).all()
