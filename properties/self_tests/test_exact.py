"""Exact operands: no sum leaves the integers of its format, in any order, and no larger operands would do."""

import sys

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refconv import exact, index_sum, lowering, transposed
from refconv.formats import format_of
from refconv.problem import OPERATORS, Problem
from refconv_properties import strategies

ARGUMENTS = {"forward": ("x", "w"), "grad_input": ("gy", "w"), "grad_weight": ("gy", "x")}
# What each format can hold, said once more and from its own definition: the largest sum that is exact in the
# accumulator and finite once stored, and the largest M up to which all integers are stored, and are multiplied as they
# are. (float16 is accumulated in float32, to 2^24, but ends at 65504: where all results are infinite, `==` compares
# nothing but signs. tf32 is stored in float32, and multiplied with 11 bits.)
SUM = {
    "float64": 2**53, "float32": 2**24, "tf32": 2**24, "float16": 65504, "bfloat16": 2**24,
    "int8": 127, "int16": 32767, "int32": 2**31 - 1, "int64": 2**63 - 1,
    "uint8": 255, "uint16": 65535, "uint32": 2**32 - 1, "uint64": 2**64 - 1,
}  # fmt: skip
STORED = {**SUM, "float16": 2**11, "bfloat16": 2**8}
OPERAND = {**STORED, "tf32": 2**11}
FLOATS = ("float64", "float32", "tf32", "float16", "bfloat16")
NUMPY = {"tf32": "float32", "bfloat16": ml_dtypes.bfloat16}  # the dtype, where it has not the format's name
every_dtype = pytest.mark.parametrize("dtype", list(SUM))


def arguments(operator, operands):
    return [getattr(operands, name) for name in ARGUMENTS[operator]]


def magnitudes(array):
    """The absolute values as Python ints, which cannot overflow."""
    whole = np.empty(array.shape, object)
    whole[...] = np.abs(array.astype(object))
    return whole


def largest_partial_sum(operator, operands, problem):
    """What the sum would be if all its terms had one sign: no partial sum, in any order, is larger."""
    first, second = (magnitudes(operand) for operand in arguments(operator, operands))
    total = getattr(index_sum, operator)(first, second, problem)
    return max(total.ravel(), default=0)


def worst_case(operands):
    """Operands of the largest magnitude everywhere."""
    x, w, gy = (np.full(array.shape, operands.magnitude, object) for array in (operands.x, operands.w, operands.gy))
    return exact.Operands(x, w, gy, operands.magnitude)


# -- the budget --------------------------------------------------------------------------------


@every_dtype
@settings(deadline=None, max_examples=25)
@given(problem=strategies.problems(max_multiplications=1024), seed=strategies.seeds(), headroom=st.integers(1, 3))
def test_no_partial_sum_leaves_the_format(dtype, problem, seed, headroom):
    operands = exact.operands(problem, seed, dtype, headroom=headroom)
    for operator in OPERATORS:
        assert headroom * largest_partial_sum(operator, operands, problem) <= SUM[dtype]
        if not operands.thinned:
            assert headroom * largest_partial_sum(operator, worst_case(operands), problem) <= SUM[dtype]


@pytest.mark.parametrize("dtype", FLOATS)
@settings(deadline=None, max_examples=25)
@given(problem=strategies.problems(max_multiplications=1024), seed=strategies.seeds())
def test_stored_sums_survive_in_the_narrow_format(dtype, problem, seed):
    operands = exact.operands(problem, seed, dtype, stored=True)
    for operator in OPERATORS:
        assert largest_partial_sum(operator, operands, problem) <= STORED[dtype]
        first, second = arguments(operator, operands)
        result = getattr(index_sum, operator)(first, second, problem)
        unrounded = getattr(index_sum, operator)(first.astype(np.float64), second.astype(np.float64), problem)
        assert result.dtype == NUMPY.get(dtype, dtype)
        assert np.array_equal(result.astype(np.float64), unrounded)


@pytest.mark.parametrize("dtype", FLOATS)
@settings(deadline=None, max_examples=25)
@given(problem=strategies.problems(max_multiplications=1024), seed=strategies.seeds())
def test_results_are_finite(dtype, problem, seed):
    operands = exact.operands(problem, seed, dtype)
    for operator in OPERATORS:
        result = getattr(index_sum, operator)(*arguments(operator, operands), problem)
        assert np.isfinite(result).all()


@every_dtype
@settings(deadline=None, max_examples=60)
@given(terms=st.integers(1, 10**7), headroom=st.integers(1, 8), stored=st.booleans())
@example(terms=1, headroom=1, stored=False)  # float16: capped by the storage
@example(terms=2**24, headroom=1, stored=False)  # float32: M = 1, to the last term
def test_no_larger_magnitude_would_do(dtype, terms, headroom, stored):
    limit = min(SUM[dtype], STORED[dtype]) if stored else SUM[dtype]
    largest = exact.largest_magnitude(terms, dtype, headroom=headroom, stored=stored)
    assert headroom * terms * largest**2 <= limit
    assert headroom * largest <= OPERAND[dtype]
    one_more = largest + 1
    assert headroom * terms * one_more**2 > limit or headroom * one_more > OPERAND[dtype]


@pytest.mark.parametrize(
    ("terms", "dtype", "options", "largest"),
    [
        (9, "float32", {}, 1365),  # 9 * 1365^2 = 16,769,025 <= 2^24 = 16,777,216 < 9 * 1366^2
        (9 * 512, "float32", {}, 60),
        (1, "float16", {"stored": True}, 45),  # 45^2 = 2025 <= 2048
        (1, "bfloat16", {}, 256),  # 4096 would be exact in the sum, but is not stored
        (1000, "bfloat16", {}, 129),
        (1, "bfloat16", {"stored": True}, 16),
        (1, "tf32", {}, 2048),  # 4096 would be exact in the sum, but is not multiplied as it is
        (1, "tf32", {"stored": True}, 2048),  # results are float32's
        (1, "tf32", {"headroom": 2}, 1024),  # so is X + V
        (9, "tf32", {}, 1365),
        (1, "int8", {}, 11),
        (2**24, "float32", {}, 1),
        (2**24 + 1, "float32", {}, 0),
        (2**23, "float32", {"headroom": 2}, 1),
        (2**23 + 1, "float32", {"headroom": 2}, 0),
        (0, "float64", {}, 94906265),  # batch 0: no term at all
    ],
)
def test_largest_magnitude_by_hand(terms, dtype, options, largest):
    assert exact.largest_magnitude(terms, dtype, **options) == largest


def test_only_the_operators_in_question_count():
    problem = Problem.parse("b4h32w32i1o2k1")
    terms = {"forward": 1, "grad_input": 2, "grad_weight": 4096}
    for operator, count in terms.items():
        operands = exact.operands(problem, 0, "float32", operators=(operator,))
        assert operands.magnitude == exact.largest_magnitude(count, "float32")
    both = exact.operands(problem, 0, "float32", operators=("forward", "grad_input"))
    assert both.magnitude == exact.largest_magnitude(2, "float32")
    assert exact.operands(problem, 0, "float32").magnitude == exact.largest_magnitude(4096, "float32") == 64
    assert exact.operands(problem, 0, "float32", headroom=4).magnitude == 32


# -- any order -----------------------------------------------------------------------------------


def shuffled_forward(random):
    """A forward pass that really adds in float32, one product after the other, in a random order."""

    def forward(x, w, problem):
        columns, weights = lowering.im2col(x, problem), lowering.weight_matrices(w, problem)
        total = np.zeros((*columns.shape[:2], weights.shape[2]), np.float32)
        for term in random.permutation(problem.terms("forward")):
            product = columns[:, :, term, None] * weights[:, None, term]
            assert product.dtype == np.float32
            total += product
        return lowering.from_pixel_matrices(total, problem)

    return forward


def in_random_order(operator, first, second, problem, order):
    """The operator in float32 in a random order; the gradients as convolutions, so that they add in it too."""
    conv = shuffled_forward(np.random.default_rng(order))
    if operator == "forward":
        return conv(first, second, problem)
    return getattr(transposed, operator)(first, second, problem, conv=conv)


@settings(deadline=None, max_examples=60)
@given(
    drawn=strategies.operands(strategies.problems(max_multiplications=1024), dtype=np.float32),
    order=st.integers(0, 2**16),
)
def test_every_order_gives_the_same(drawn, order):
    problem, operands = drawn
    for operator in OPERATORS:
        first, second = arguments(operator, operands)
        shuffled = in_random_order(operator, first, second, problem, order)
        assert np.array_equal(shuffled, getattr(index_sum, operator)(first, second, problem))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_the_seed_chooses_a_pattern(dtype):
    problem = Problem.parse("b4h16w16i1o1k1")
    x = {exact.pattern_of(seed): exact.operands(problem, seed, dtype, operators=("forward",)).x for seed in range(8)}
    magnitude = exact.largest_magnitude(1, dtype)
    assert set(x) == set(exact.PATTERNS)
    assert np.abs(x["small"].astype(float)).max() == min(exact.SMALL, magnitude)
    assert (np.abs(x["largest"].astype(object)) == magnitude).all()
    assert (x["positive"] > 0).all()
    assert 400 < (x["sparse"] == 0).sum() < 624
    if np.dtype(dtype).kind != "u":
        for pattern in set(x) - {"positive"}:
            assert (x[pattern] > 0).any()
            assert (x[pattern] < 0).any()


def test_larger_operands_depend_on_the_order():
    # The budget is not idle: 64 times its magnitude, and the order shows.
    problem = Problem.parse("b1h1w1i256o64k1")
    operands = exact.operands(problem, 1, "float32", operators=("forward",))
    x = operands.x * np.float32(64) + np.float32(1)
    w = operands.w * np.float32(64) + np.float32(1)
    one, other = (in_random_order("forward", x, w, problem, order) for order in (1, 2))
    assert not np.array_equal(one, other)


# -- the draw --------------------------------------------------------------------------------------


@every_dtype
@settings(deadline=None, max_examples=30)
@given(problem=strategies.problems(max_multiplications=1024), seed=strategies.seeds())
def test_operands_are_integers_within_the_magnitude(dtype, problem, seed):
    operands = exact.operands(problem, seed, dtype)
    shapes = {"x": problem.x_shape, "w": problem.w_shape, "gy": problem.y_shape}
    for name, shape in shapes.items():
        array = getattr(operands, name)
        assert array.dtype == NUMPY.get(dtype, dtype)
        assert array.shape == shape
        values = array.astype(object).ravel()
        assert all(int(value) == value for value in values)
        assert all(abs(int(value)) <= operands.magnitude for value in values)
        if not operands.thinned and exact.pattern_of(seed) != "sparse":
            assert all(value != 0 for value in values)
        if array.dtype.kind == "u":
            assert all(value >= 0 for value in values)


def test_every_value_is_drawn():
    signed = exact.integers((1000,), 3, "float32", 0, stream=0)
    assert set(signed.tolist()) == {-3, -2, -1, 1, 2, 3}
    unsigned = exact.integers((1000,), 3, "uint8", 0, stream=0)
    assert set(unsigned.tolist()) == {1, 2, 3}
    assert set(exact.integers((1000,), 1, "int64", 0, stream=0).tolist()) == {-1, 1}


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_the_same_seed_draws_the_same(dtype):
    problem = Problem.parse("b2h5w7i3o4k3s2p1")
    np.random.seed(1)  # Hypothesis does so before every example: the global state must play no part
    one = exact.operands(problem, 7, dtype)
    np.random.seed(2)
    two, other = exact.operands(problem, 7, dtype), exact.operands(problem, 8, dtype)
    for name in ("x", "w", "gy"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
        assert not np.array_equal(getattr(one, name), getattr(other, name))


def test_streams_are_independent():
    shape, many = (4, 4, 4, 4), {}
    for seed in range(20):
        for stream in range(4):
            many[seed, stream] = exact.integers(shape, 1000, "int64", seed, stream=stream).tobytes()
    assert len(set(many.values())) == len(many)
    # X has the same shape in both problems; that W and G have not must not show in it.
    one = exact.operands(Problem.parse("b1h4w4i2o1k1"), 5, "float64", operators=("forward",))
    two = exact.operands(Problem.parse("b1h4w4i2o9k1s3"), 5, "float64", operators=("forward",))
    assert np.array_equal(one.x, two.x)
    # Where all shapes agree, the three operands still differ.
    same = exact.operands(Problem.parse("b4h4w1i4o4k4x1p3.0.0.0"), 5)
    assert same.x.size == same.w.size == same.gy.size
    assert len({same.x.tobytes(), same.w.tobytes(), same.gy.tobytes()}) == 3


# -- thinning --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "dtype", "options", "keep", "terms"),
    [
        ("b1h1w1i3000o2k1", "float16", {"stored": True}, 2048, 3000),  # long forward sums
        ("b1h1w1i2o3000k1", "float16", {"stored": True}, 2048, 3000),  # long dX sums
        ("b30h10w10i1o1k1", "float16", {"stored": True}, 2048, 3000),  # a big batch: long dW sums
        ("b30h10w10i1o1k1", "float16", {"stored": True, "headroom": 3}, 682, 3000),
        ("b2h8w8i1o2k1", "int8", {}, 127, 128),
        ("b4h8w8i1o1k1", "uint8", {}, 255, 256),
    ],
)
def test_too_many_terms_are_thinned_and_it_is_said(text, dtype, options, keep, terms):
    problem = Problem.parse(text)
    operands = exact.operands(problem, 0, dtype, **options)
    assert operands.magnitude == 1
    assert f"{terms} terms" in operands.thinned
    assert dtype in operands.thinned
    assert f"{keep} nonzeros" in operands.thinned
    # Each sum has a factor from W or from G, so that no sum has more than `keep` terms of magnitude 1.
    for array in (operands.w, operands.gy):
        assert array.dtype == dtype
        assert np.count_nonzero(array) == min(array.size, keep)
    assert np.abs(operands.x).min() == 1
    for operator in OPERATORS:
        assert largest_partial_sum(operator, operands, problem) <= keep
        first, second = arguments(operator, operands)
        result = getattr(index_sum, operator)(first, second, problem)
        wide = getattr(index_sum, operator)(first.astype(np.float64), second.astype(np.float64), problem)
        assert np.array_equal(result.astype(np.float64), wide)


@pytest.mark.parametrize(("text", "dtype"), [("b1h127w1i1o1k1", "int8"), ("b1h255w1i1o1k1", "uint8")])
def test_the_last_problem_that_needs_no_thinning(text, dtype):
    problem = Problem.parse(text)
    operands = exact.operands(problem, 0, dtype)
    assert operands.thinned == ""
    assert operands.magnitude == 1
    assert exact.operands(problem.replace(height=problem.height + 1), 0, dtype).thinned


def test_thinning_keeps_places_at_random_and_reproducibly():
    problem = Problem.parse("b2h8w8i1o2k1")  # 256 elements of G, 127 kept
    kept = [exact.operands(problem, seed, "int8").gy != 0 for seed in (0, 0, 1)]
    assert np.array_equal(kept[0], kept[1])
    assert not np.array_equal(kept[0], kept[2])
    assert kept[0].any(axis=(1, 2, 3)).all()  # not the first 127 in memory, which are all in one image


def test_thinned_places_of_w_and_g_are_independent():
    # 256 elements each, 127 kept: one draw for both would keep the same places of W and of G.
    operands = exact.operands(Problem.parse("b16h4w4i256o1k1"), 0, "int8")
    assert operands.thinned
    assert not np.array_equal(operands.w.ravel() != 0, operands.gy.ravel() != 0)


# -- formats ---------------------------------------------------------------------------------------


@every_dtype
def test_formats(dtype):
    form = format_of(dtype)
    assert form.name == str(form) == dtype
    assert form.dtype == np.dtype(NUMPY.get(dtype, dtype))
    assert format_of(form) is form
    if dtype != "tf32":
        assert form == format_of(form.dtype) == format_of(form.dtype.type)
    assert (form.largest_operand, form.largest_result) == (OPERAND[dtype], STORED[dtype])
    assert form.accumulated == ({"float64": 53}.get(dtype, 24) if dtype in FLOATS else 0)
    assert form.rounds == (dtype in FLOATS)


def test_float32_is_not_tf32():
    assert format_of(np.float32) == format_of("float32") != format_of("tf32")
    assert format_of("tf32").dtype == np.float32


def test_bfloat16_without_ml_dtypes_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)  # makes the import fail
    form = format_of("bfloat16")  # its name, and what it holds, are known
    for refused in (lambda: form.dtype, lambda: exact.operands(Problem.parse("b1h1w1i1o1k1"), 0, "bfloat16")):
        with pytest.raises(ValueError, match=r"^bfloat16 arrays need ml_dtypes, .*: pip install ml_dtypes$"):
            refused()


@pytest.mark.parametrize("dtype", ["bool", "complex64", "longdouble", "U1", "datetime64[s]", "O"])
def test_other_dtypes_have_no_format(dtype):
    with pytest.raises(ValueError, match="must be an integer or one of float64, float32, tf32, float16, bfloat16"):
        format_of(dtype)
