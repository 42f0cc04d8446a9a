"""What tensor cores compute in: tf32, float16 and bfloat16, and how the rounding law tells each from its neighbours.

The tensor core here follows Fasi, Higham, Mikaitis, Pranesh (PeerJ Computer Science 7:e330, 2021) in whole numbers.
"""

import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refconv import lowering, rounding, windows
from refconv.formats import FLOATS, format_of
from refconv.implementation import Implementation
from refconv.problem import OPERATORS, Problem
from refconv_properties import strategies
from refconv_properties.broken import NotApplicable
from refconv_properties.laws import catalogue
from refconv_properties.search import Plan, Searching
from refconv_properties.subject import Subject

LAWS = catalogue()
FORMATS = ("tf32", "float16", "bfloat16")
BITS = {"tf32": 11, "float16": 11, "bfloat16": 8}
every_format = pytest.mark.parametrize("name", FORMATS)


# -- a tensor core ----------------------------------------------------------------------------------------


def significand(value, bits):
    """A Fraction as a whole number of 2^power, cut off towards zero at so many bits."""
    if not value:
        return 0, 0
    power = math.frexp(float(value))[1] - bits
    return math.trunc(value / Fraction(2) ** power), power


def block_sum(addends):
    """Aligned to the largest exponent, cut off below 2^-23 of it, added, and cut to 24 bits.

    A product is not normalized before it is aligned: its exponent is the sum of its factors', here one too low.
    """
    if not any(value for value, _ in addends):
        return Fraction(0)
    unit = Fraction(2) ** (max(exponent for value, exponent in addends if value) - 23)
    total = sum(math.trunc(value / unit) for value, _ in addends) * unit
    whole, power = significand(total, 24)
    return whole * Fraction(2) ** power


def exponent(value):
    return math.frexp(float(value))[1] - 1


def tensor_core(a, b, block):
    """The sum of a's and b's products in blocks of that size, each with the sum so far."""
    total = Fraction(0)
    for start in range(0, len(a), block):
        addends = [(total, exponent(total))]
        for x, y in zip(a[start : start + block], b[start : start + block], strict=True):
            addends.append((Fraction(x) * Fraction(y), exponent(x) + exponent(y)))
        total = block_sum(addends)
    return float(total)


def rounded(values, bits):
    """To so many significand bits, to nearest."""
    fraction, power = np.frexp(values.astype(np.float64))
    return np.ldexp(np.rint(np.ldexp(fraction, bits)), power - bits)


def dot(k):
    return Problem.parse(f"b1h1w1i{k}o1k1")


def test_the_tensor_core_by_hand():
    assert tensor_core([1, 1], [1, 2.0**-23], 2) == 1 + 2.0**-23
    assert tensor_core([1, 1], [1, 2.0**-24], 2) == 1  # cut off, where to nearest would be a tie
    assert tensor_core([1, 1], [1, -(2.0**-24)], 2) == 1
    assert tensor_core([1, 1, 1], [1, 2.0**-24, 2.0**-24], 3) == 1  # each is cut off by itself
    assert tensor_core([1, 1, 1], [2.0**-24, 2.0**-24, 1], 2) == 1 + 2.0**-23  # added before it meets the large one
    assert tensor_core([3, 1], [1, 2.0**-23], 1) == 3  # 3 + 2^-23 has 26 bits


@every_format
@pytest.mark.parametrize("block", [1, 4, 8, 16])
@settings(deadline=None, max_examples=30)
@given(k=st.integers(1, 70), seed=strategies.seeds())
def test_what_a_tensor_core_computes_is_within(name, block, k, seed):
    form, problem = format_of(name), dot(k)
    operands = rounding.operands(problem, seed, form)
    a, b = (rounded(values.ravel(), BITS[name]).tolist() for values in (operands.x, operands.w))
    total = tensor_core(a, b, block)
    products = [Fraction(x) * Fraction(w) for x, w in zip(a, b, strict=True)]
    assert abs(Fraction(total) - sum(products)) <= rounding.gamma(k, form) * sum(map(abs, products))
    y = np.full(problem.y_shape, total).astype(form.dtype)
    assert rounding.excess("forward", y, operands.x, operands.w, problem, form) == []
    error = abs(float(y.item()) - windows.forward(operands.x.astype(float), operands.w.astype(float), problem).item())
    assert error <= rounding.bound("forward", operands.x, operands.w, problem, form).item()


def test_a_tensor_core_may_be_worse_than_float32():
    # 15 addends, each cut off: 15 units in the last place, where an order to nearest errs by half of one each.
    small = 2.0**-23 - 2.0**-33
    assert tensor_core([1] * 16, [1] + [small] * 15, 16) == 1
    error, total = 15 * Fraction(small), 1 + 15 * Fraction(small)
    assert rounding.gamma(16, "float32") * total < error < rounding.gamma(16, "tf32") * total


# -- the laws, on implementations right and wrong ---------------------------------------------------------


def truncated(values, bits):
    """float32 with only so many of its 24 bits left."""
    return (values.view(np.uint32) & np.uint32(2**32 - 2 ** (24 - bits))).view(np.float32)


class Through:
    """Right, but for what happens to the operands on their way in."""

    def __init__(self, change):
        self.change = change

    def _run(self, operator, first, second, problem):
        changed = (self.change(operand.astype(np.float32)) for operand in (first, second))
        return getattr(windows, operator)(*changed, problem).astype(first.dtype)

    def forward(self, x, w, problem):
        return self._run("forward", x, w, problem)

    def grad_input(self, gy, w, problem):
        return self._run("grad_input", gy, w, problem)

    def grad_weight(self, gy, x, problem):
        return self._run("grad_weight", gy, x, problem)


class Sums:
    """A forward pass that is right, but for the format that its sums are kept in."""

    def __init__(self, kept):
        self.kept = kept

    def forward(self, x, w, problem):
        columns = lowering.im2col(x, problem).astype(np.float32)
        weights = lowering.weight_matrices(w, problem).astype(np.float32)
        total = np.zeros((*columns.shape[:2], weights.shape[2]), self.kept)
        for term in range(problem.terms("forward")):
            total += (columns[:, :, term, None] * weights[:, None, term]).astype(self.kept)
        return lowering.from_pixel_matrices(total, problem).astype(x.dtype)


def to_tf32(values):
    return rounded(values, 11).astype(np.float32)


def to_bfloat16(values):
    return truncated(values, 8)


IMPLEMENTATIONS = {
    "float32": Through(lambda values: values),
    "tf32": Through(to_tf32),
    "bfloat16 operands": Through(to_bfloat16),
    "float16 sums": Sums(np.float16),
    "bfloat16 sums": Sums(ml_dtypes.bfloat16),
}


def verdict(law, target, name, examples=60):
    offered = tuple(operator for operator in OPERATORS if hasattr(target, operator))
    implementation = Implementation("it", "it", "host", (name,), offered, target)
    return Searching(LAWS[law], Subject(implementation, format_of(name)), Plan(examples, 0)).run().verdict


@pytest.mark.parametrize(
    ("implementation", "declared", "expected"),
    [
        ("float32", "float32", "held"),
        ("float32", "tf32", "held"),
        ("tf32", "float32", "broken"),
        ("tf32", "tf32", "held"),
        ("bfloat16 operands", "tf32", "broken"),
        ("float16 sums", "tf32", "broken"),
        ("float32", "float16", "held"),
        ("float16 sums", "float16", "broken"),
        ("bfloat16 sums", "bfloat16", "broken"),
        ("float32", "bfloat16", "held"),
    ],
)
def test_the_rounding_law_tells_the_formats_apart(implementation, declared, expected):
    assert verdict("rounding", IMPLEMENTATIONS[implementation], declared) == expected


@every_format
@pytest.mark.parametrize("law", [law for law in LAWS if law not in ("variants", "schedule", "limits")])
def test_every_law_holds_in_every_format(name, law):
    # tf32 is rounded on the way in: a law whose operands have more than 11 bits would be a false alarm.
    target = Through(to_tf32 if name == "tf32" else lambda values: values)
    assert verdict(law, target, name, examples=15) == "held"


@pytest.mark.parametrize("name", ["tf32", "bfloat16"])
def test_one_bit_less_is_found_by_exact_operands(name):
    target = Through(lambda values: rounded(values, BITS[name] - 1).astype(np.float32))
    assert verdict("index-sum", target, name, examples=200) == "broken"


@every_format
def test_a_nan_that_is_swallowed_is_found(name):
    class Swallows(Through):
        def _run(self, operator, first, second, problem):
            result = super()._run(operator, first, second, problem)
            return np.where(np.isnan(result), result.dtype.type(0), result)

    assert verdict("locality", Swallows(lambda values: values), name) == "broken"


def test_a_sum_without_a_bound_is_no_example():
    # 2^22 terms, of which a tensor core may lose everything: u = 2^-22.
    problem = Problem.parse("b1h2048w2048i1o1k1")
    subject = Subject(Implementation("it", "it", "host", ("tf32",), ("grad_weight",), windows), format_of("tf32"))
    with pytest.raises(NotApplicable, match="no bound exists for 4,194,304 terms in tf32"):
        LAWS["rounding"].body(subject, problem, 0)


# -- large sums --------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=10)
@given(k=st.integers(1, 4096), seed=strategies.seeds())
@example(k=2**20, seed=0)
def test_sums_of_real_float16_stay_finite(k, seed):
    operands = rounding.operands(dot(k), seed, "float16")
    largest = np.abs(operands.x.astype(float)).max() * np.abs(operands.w.astype(float)).max()
    assert k * largest <= 65504
    assert np.abs(operands.x).min() >= 2.0**-14  # normal numbers
    assert set(FLOATS) >= set(FORMATS)
