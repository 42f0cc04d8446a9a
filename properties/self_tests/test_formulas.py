"""The formulas: index_sum against hand and brute force, then windows, lowering and transposed against index_sum."""

import tracemalloc
from collections import defaultdict
from fractions import Fraction
from itertools import permutations, product
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refconv import exact, index_sum, lowering, transposed, windows
from refconv.problem import OPERATORS, Problem
from refconv_properties import strategies

ARGUMENTS = {"forward": ("x", "w"), "grad_input": ("gy", "w"), "grad_weight": ("gy", "x")}
ROADS = {
    f"{module.__name__.removeprefix('refconv.')}-{operator}": (operator, getattr(module, operator))
    for module in (index_sum, windows, lowering, transposed)
    for operator in OPERATORS
    if hasattr(module, operator)
}
every_road = pytest.mark.parametrize(("operator", "compute"), ROADS.values(), ids=ROADS)
index_sum_only = pytest.mark.parametrize("operator", OPERATORS)


def arguments(operator, operands):
    return [getattr(operands, name) for name in ARGUMENTS[operator]]


def assert_same(actual, expected):
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert np.array_equal(actual, expected)


def test_all_roads_are_tested():
    assert len(ROADS) == 3 + 3 + 3 + 2  # transposed has gradients only


# -- by hand -------------------------------------------------------------------------------------
# The weights and gradients are powers of ten, so that each digit of a result is one term of its sum.


class Worked(NamedTuple):
    problem: str
    x: list
    w: list
    gy: list
    y: list
    gx: list
    gw: list


WORKED = {
    # Two rows of three, all digits different: height comes before width, and the kernel is not flipped.
    #   Y = 1000*1 + 100*2 + 10*4 + 5, then one column on
    "2-D": Worked(
        "b1h2w3i1o1k2",
        x=[1, 2, 3, 4, 5, 6], w=[1000, 100, 10, 1], gy=[1, 10],
        y=[1245, 2356],
        gx=[1000, 100 + 10 * 1000, 10 * 100, 10, 1 + 10 * 10, 10 * 1],
        gw=[1 + 20, 2 + 30, 4 + 50, 5 + 60],
    ),
    # 0 [1] 2 [3] 0: windows (0 1) and (2 3); the last column is padding that no window reaches.
    "stride, padding, remainder": Worked(
        "b1h1w3i1o1k1x2s1x2p0x1",
        x=[1, 2, 3], w=[10, 1], gy=[1, 100],
        y=[1, 23],
        gx=[1 * 1, 100 * 10, 100 * 1],
        gw=[1 * 0 + 100 * 2, 1 * 1 + 100 * 3],
    ),
    # Windows at rows 0 and 2 of four; no window reaches row 1 or row 3: their gradient is 0.
    "stride > kernel": Worked(
        "b1h4w1i1o1k1s2x1",
        x=[1, 2, 3, 4], w=[7], gy=[1, 10],
        y=[7, 21],
        gx=[7, 0, 70, 0],
        gw=[1 * 1 + 10 * 3],
    ),
    # One row of zeros above and none below: (0 1), (1 2).
    "top padding only": Worked(
        "b1h2w1i1o1k2x1p1.0.0.0",
        x=[1, 2], w=[10, 1], gy=[1, 100],
        y=[1, 12],
        gx=[1 * 1 + 100 * 10, 100 * 1],
        gw=[1 * 0 + 100 * 1, 1 * 1 + 100 * 2],
    ),
    # One column of zeros on the right and none on the left: (1 2), (2 0).
    "right padding only": Worked(
        "b1h1w2i1o1k1x2p0.0.0.1",
        x=[1, 2], w=[10, 1], gy=[1, 100],
        y=[12, 20],
        gx=[1 * 10, 1 * 1 + 100 * 10],
        gw=[1 * 1 + 100 * 2, 1 * 2 + 100 * 0],
    ),
    # More padding than kernel: the outer two windows see zeros only.
    "padding > kernel": Worked(
        "b1h1w1i1o1k1p0x1",
        x=[3], w=[7], gy=[100, 10, 1],
        y=[0, 21, 0],
        gx=[70],
        gw=[30],
    ),
    # Taps two columns apart: (1 3), (2 4).
    "dilation": Worked(
        "b1h1w4i1o1k1x2d1x2",
        x=[1, 2, 3, 4], w=[10, 1], gy=[1, 100],
        y=[13, 24],
        gx=[1 * 10, 100 * 10, 1 * 1, 100 * 1],
        gw=[1 * 1 + 100 * 2, 1 * 3 + 100 * 4],
    ),
    # Taps two rows apart, windows two rows apart, a row of zeros on both sides: 0 1 2 3 0 has (0 2) and (2 0).
    "stride, dilation, padding": Worked(
        "b1h3w1i1o1k2x1s2x1p1x0d2x1",
        x=[1, 2, 3], w=[10, 1], gy=[1, 100],
        y=[2, 20],
        gx=[0, 1 * 1 + 100 * 10, 0],
        gw=[1 * 0 + 100 * 2, 1 * 2 + 100 * 0],
    ),
    # W[p][l] is [[10 1000] [1 100]]: output 0 reads inputs 0 and 1, output 1 reads inputs 2 and 3.
    "groups that gather": Worked(
        "b1h1w1i4o2k1g2",
        x=[1, 2, 3, 4], w=[10, 1000, 1, 100], gy=[1, 2],
        y=[12, 3400],
        gx=[1 * 10, 1 * 1, 2 * 1000, 2 * 100],
        gw=[1 * 1, 2 * 3, 1 * 2, 2 * 4],
    ),
    # Outputs 0 and 1 read input 0, outputs 2 and 3 read input 1.
    "groups that spread": Worked(
        "b1h1w1i2o4k1g2",
        x=[1, 2], w=[10, 20, 30, 40], gy=[1, 2, 3, 4],
        y=[10, 20, 60, 80],
        gx=[1 * 10 + 2 * 20, 3 * 30 + 4 * 40],
        gw=[1 * 1, 2 * 1, 3 * 2, 4 * 2],
    ),
    # Two channels in, two out: Y[l] = X[0] W[0][l] + X[1] W[1][l].
    "channels": Worked(
        "b1h1w1i2o2k1",
        x=[1, 2], w=[1000, 100, 10, 1], gy=[1, 2],
        y=[1020, 102],
        gx=[1 * 1000 + 2 * 100, 1 * 10 + 2 * 1],
        gw=[1 * 1, 2 * 1, 1 * 2, 2 * 2],
    ),
    # Images do not see one another, and dW adds over them.
    "batch": Worked(
        "b2h1w1i1o1k1",
        x=[3, 5], w=[7], gy=[1, 10],
        y=[21, 35],
        gx=[7, 70],
        gw=[1 * 3 + 10 * 5],
    ),
    "batch 0": Worked("b0h1w1i1o1k1x2p0x1", x=[], w=[10, 1], gy=[], y=[], gx=[], gw=[0, 0]),
}  # fmt: skip


@every_road
@pytest.mark.parametrize("worked", WORKED.values(), ids=WORKED)
def test_worked_by_hand(operator, compute, worked):
    problem = Problem.parse(worked.problem)
    shapes = {"x": problem.x_shape, "w": problem.w_shape, "gy": problem.y_shape}
    first, second = (
        np.reshape(np.array(getattr(worked, name), np.int64), shapes[name]) for name in ARGUMENTS[operator]
    )
    expected = {"forward": worked.y, "grad_input": worked.gx, "grad_weight": worked.gw}[operator]
    assert_same(
        compute(first, second, problem), np.reshape(np.array(expected, np.int64), problem.result_shape(operator))
    )


# -- the numbers -----------------------------------------------------------------------------------


def one_sum(operator, first, second):
    """A problem in which ``operator`` adds first[t] second[t] over all t into its only element, and its operands."""
    count = len(first)
    texts = {"forward": "b1h1w1i{}o1k1", "grad_input": "b1h1w1i1o{}k1", "grad_weight": "b1h1w{}i1o1k1"}
    problem = Problem.parse(texts[operator].format(count))
    shapes = {"x": problem.x_shape, "w": problem.w_shape, "gy": problem.y_shape}
    one, other = ARGUMENTS[operator]
    return problem, np.reshape(first, shapes[one]), np.reshape(second, shapes[other])


@every_road
def test_python_ints_of_any_size(operator, compute):
    # No float holds 10^60 + 1, and no int64 either.
    problem, first, second = one_sum(operator, np.array([10**30, 1], object), np.array([10**30, 1], object))
    result = compute(first, second, problem)
    assert result.dtype == object
    assert result.item() == 10**60 + 1
    assert type(result.item()) is int


@every_road
def test_fractions(operator, compute):
    third, half = Fraction(1, 3), Fraction(1, 2)
    problem, first, second = one_sum(operator, np.array([third, half], object), np.array([third, half], object))
    assert compute(first, second, problem).item() == Fraction(1, 9) + Fraction(1, 4)


@every_road
@pytest.mark.parametrize("order", list(permutations([2.0**24, 1.0, -(2.0**24)])))
def test_float32_is_added_in_float64(operator, compute, order):
    # In float32, 2^24 + 1 is 2^24, so that four of these six orders would give 0.
    assert np.float32(2**24) + np.float32(1) - np.float32(2**24) == 0
    problem, first, second = one_sum(operator, np.array(order, np.float32), np.ones(3, np.float32))
    result = compute(first, second, problem)
    assert result.dtype == np.float32
    assert result.item() == 1


@every_road
def test_float32_products_are_not_rounded(operator, compute):
    # (1 + 2^-23)^2 - (1 + 2^-22) = 2^-46, which a float32 product has lost.
    one = np.float32(1 + 2.0**-23)
    problem, first, second = one_sum(
        operator, np.array([one, -1 - 2.0**-22], np.float32), np.array([one, 1], np.float32)
    )
    assert compute(first, second, problem).item() == 2.0**-46


@every_road
def test_float16_is_added_wider(operator, compute):
    # 2048 + 1 is 2048 in float16; 2048 + 1 + 1 is stored exactly.
    problem, first, second = one_sum(operator, np.array([2048, 1, 1], np.float16), np.ones(3, np.float16))
    result = compute(first, second, problem)
    assert result.dtype == np.float16
    assert result.item() == 2050


@every_road
def test_small_integers_are_added_wide(operator, compute):
    # 100 + 100 leaves int8 on the way; the sum, 100, does not.
    problem, first, second = one_sum(operator, np.array([100, 100, -100], np.int8), np.ones(3, np.int8))
    assert compute(first, second, problem).item() == 100


# The vectorised forms say "arguments and errors as in index_sum", and that only sums beyond 2^63 wrap.
@every_road
def test_an_integer_sum_that_does_not_fit_is_an_error(operator, compute):
    problem, first, second = one_sum(operator, np.array([100, 100], np.int8), np.ones(2, np.int8))
    with pytest.raises(OverflowError):
        compute(first, second, problem)


@index_sum_only
def test_an_int64_sum_that_does_not_fit_is_an_error(operator):
    problem, first, second = one_sum(operator, np.array([2**62, 2**62]), np.array([1, 1]))
    with pytest.raises(OverflowError):
        getattr(index_sum, operator)(first, second, problem)


# -- against other programs ------------------------------------------------------------------------


def terms(problem):
    """Every product of the convolution as {(output, padded pixel, weight)}, found from the pixels outwards.

    `index_sum` asks of each output which pixels it gathers. Here each pixel of an explicitly padded image asks
    which windows start so that one of their taps lies on it.
    """
    (top, bottom, left, right), (s_h, s_w), (d_h, d_w) = problem.padding, problem.stride, problem.dilation
    rows, columns = problem.height + top + bottom, problem.width + left + right
    found = set()
    for row, column, m, n in product(range(rows), range(columns), *map(range, problem.kernel)):
        start_row, start_column = row - m * d_h, column - n * d_w
        end_row, end_column = start_row + (problem.kernel[0] - 1) * d_h, start_column + (problem.kernel[1] - 1) * d_w
        if min(start_row, start_column) < 0 or end_row >= rows or end_column >= columns:
            continue
        if start_row % s_h or start_column % s_w:
            continue
        for i, q, l in product(range(problem.batch), range(problem.c_in), range(problem.c_out)):
            group, p = divmod(q, problem.c_in // problem.groups)
            if l // (problem.c_out // problem.groups) == group:
                found.add(((i, start_row // s_h, start_column // s_w, l), (i, row, column, q), (m, n, p, l)))
    return found


def scattered(operator, operands, problem):
    """The operator's result by brute force: a dictionary that each product is added to where it belongs."""
    top, _, left, _ = problem.padding
    x = defaultdict(int)  # reads as 0 in the padding
    for (i, u, v, q), value in np.ndenumerate(operands.x):
        x[i, u + top, v + left, q] = int(value)
    sums = defaultdict(int)
    for y, pixel, weight in terms(problem):
        if operator == "forward":
            sums[y] += x[pixel] * int(operands.w[weight])
        elif operator == "grad_weight":
            sums[weight] += x[pixel] * int(operands.gy[y])
        else:
            i, row, column, q = pixel
            sums[i, row - top, column - left, q] += int(operands.gy[y]) * int(operands.w[weight])
    result = np.zeros(problem.result_shape(operator), np.int64)
    for index in np.ndindex(result.shape):
        result[index] = sums[index]
    return result


@index_sum_only
@settings(deadline=None, max_examples=60)
@given(strategies.operands(strategies.problems(max_multiplications=1024), dtype=np.int64))
def test_index_sum_equals_the_scattered_sum(operator, drawn):
    problem, operands = drawn
    result = getattr(index_sum, operator)(*arguments(operator, operands), problem)
    assert_same(result, scattered(operator, operands, problem))


def by_channel_pairs(problem):
    """(output channel, tap channel, input channel) for every pair that meets."""
    for l in range(problem.c_out):
        for p in range(problem.c_in // problem.groups):
            yield l, p, l * problem.groups // problem.c_out * (problem.c_in // problem.groups) + p


@settings(deadline=None)
@given(strategies.operands(strategies.problems(max_stride=1, max_dilation=1), dtype=np.int64))
def test_index_sum_equals_scipy(drawn):
    # SciPy knows stride 1 and dense kernels, one image and one channel at a time.
    signal = pytest.importorskip("scipy.signal")
    problem, operands = drawn
    top, _, left, _ = problem.padding
    rows, columns = slice(top, top + problem.height), slice(left, left + problem.width)
    y, gx, gw = (np.zeros(problem.result_shape(operator), np.int64) for operator in OPERATORS)
    padded = windows.pad(operands.x, problem)
    for i in range(problem.batch):
        for l, p, q in by_channel_pairs(problem):
            image, kernel, gradient = padded[i, :, :, q], operands.w[:, :, p, l], operands.gy[i, :, :, l]
            y[i, :, :, l] += signal.correlate2d(image, kernel, mode="valid")
            gw[:, :, p, l] += signal.correlate2d(image, gradient, mode="valid")
            gx[i, :, :, q] += signal.convolve2d(gradient, kernel, mode="full")[rows, columns]
    assert_same(index_sum.forward(operands.x, operands.w, problem), y)
    assert_same(index_sum.grad_input(operands.gy, operands.w, problem), gx)
    assert_same(index_sum.grad_weight(operands.gy, operands.x, problem), gw)


# -- one against the other -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@settings(deadline=None, max_examples=60)
@given(problem=strategies.problems(), seed=strategies.seeds())
@example(problem=Problem.parse("b1h1w1i1o1k1p3.0.0.3"), seed=0)  # dX: all four paddings are cropped
@example(problem=Problem.parse("b2h7w6i2o4k2x3s3x4p1.0.2.1d2x1g2"), seed=0)  # everything at once
@example(problem=Problem.parse("b0h3w3i2o2k2g2"), seed=0)
def test_all_roads_lead_to_the_index_sum(dtype, problem, seed):
    operands = exact.operands(problem, seed, dtype)
    for operator, compute in ROADS.values():
        first, second = arguments(operator, operands)
        assert_same(compute(first, second, problem), getattr(index_sum, operator)(first, second, problem))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "uint64"])
@settings(deadline=None, max_examples=30)
@given(problem=strategies.problems(max_multiplications=1024), seed=strategies.seeds())
def test_in_other_integers_too(dtype, problem, seed):
    operands = exact.operands(problem, seed, dtype)
    for operator, compute in ROADS.values():
        first, second = arguments(operator, operands)
        assert_same(compute(first, second, problem), getattr(index_sum, operator)(first, second, problem))


@settings(deadline=None)
@given(
    drawn=strategies.operands(strategies.problems(max_multiplications=1024), dtype=np.float32),
    chunk=st.integers(1, 8) | st.integers(1, 4000),
)
def test_windows_do_not_depend_on_the_chunk(drawn, chunk):
    problem, operands = drawn
    for operator in OPERATORS:
        first, second = arguments(operator, operands)
        whole = getattr(windows, operator)(first, second, problem)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(windows, "CHUNK_BYTES", chunk)
            assert_same(getattr(windows, operator)(first, second, problem), whole)


def peak_bytes(compute, *operands):
    tracemalloc.start()
    try:
        compute(*operands)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("operator", OPERATORS)
def test_windows_of_a_real_layer_stay_within_bounds(operator):
    problem = Problem.parse("b4h64w64i512o8k3p1")
    im2col = 4 * 64 * 64 * 9 * 512 * 8
    assert im2col == 603_979_776
    first, second = (
        np.ones(shape, np.float32)
        for shape in {
            "forward": (problem.x_shape, problem.w_shape),
            "grad_input": (problem.y_shape, problem.w_shape),
            "grad_weight": (problem.y_shape, problem.x_shape),
        }[operator]
    )
    # X in float64 is 67 MB, padded 71 MB, and a chunk is at most 34 MB, once or twice.
    assert peak_bytes(getattr(windows, operator), first, second, problem) < im2col // 2


@pytest.mark.parametrize("text", ["b1h96w96i16o1k5p2", "b200h8w8i16o1k5p2"], ids=["one large image", "many small"])
def test_a_small_chunk_bounds_the_memory(text):
    problem = Problem.parse(text)
    x, w, gy = np.ones(problem.x_shape), np.ones(problem.w_shape), np.ones(problem.y_shape)
    im2col = problem.multiplications * 8  # one output channel
    assert im2col > 20 * x.nbytes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "CHUNK_BYTES", 2**18)
        assert peak_bytes(windows.forward, x, w, problem) < 5 * x.nbytes
        assert peak_bytes(windows.grad_weight, gy, x, problem) < 5 * x.nbytes


# -- operands --------------------------------------------------------------------------------------


def reversed_view(array):
    return array[::-1, ::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1, ::-1]


def strided_view(array):
    wide = np.full([2 * size + 1 for size in array.shape], 77, array.dtype)  # what lies between must not be read
    view = wide[1::2, 1::2, 1::2, 1::2]
    view[...] = array
    return view


VIEWS = {
    "negative strides": reversed_view,
    "between other values": strided_view,
    "Fortran order": np.asfortranarray,
    "lists": np.ndarray.tolist,
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@settings(deadline=None, max_examples=30)
@given(strategies.operands(strategies.problems(max_batch=2, max_multiplications=512), dtype=np.int64))
def test_any_layout_gives_the_same_and_stays_as_it_was(view, drawn):
    problem, operands = drawn
    if problem.batch == 0 and view is np.ndarray.tolist:
        return  # a list has no shape behind a 0
    for operator, compute in ROADS.values():
        first, second = arguments(operator, operands)
        viewed = view(first), view(second)
        for operand in viewed:
            if isinstance(operand, np.ndarray):
                operand.flags.writeable = False
        result = compute(*viewed, problem)
        assert_same(result, compute(first, second, problem))
        assert np.array_equal(viewed[0], first)
        assert np.array_equal(viewed[1], second)
        assert result.flags.writeable


@every_road
@settings(deadline=None, max_examples=30)
@given(problem=strategies.problems(max_multiplications=512), seed=strategies.seeds())
@example(problem=Problem.parse("b1h1w1i1o1k1"), seed=0)  # where a view would be enough
def test_results_alias_nothing_and_operands_are_not_written(operator, compute, problem, seed):
    first, second = arguments(operator, exact.operands(problem, seed))  # float64: no conversion copies for us
    before = first.copy(), second.copy()
    result = compute(first, second, problem)
    assert not np.may_share_memory(result, first)
    assert not np.may_share_memory(result, second)
    result[...] = 99
    assert np.array_equal(first, before[0])
    assert np.array_equal(second, before[1])


LOOSE = Problem.parse("b2h4w5i2o4k2x3s2x1p1.0.2.0g2")  # no two of its shapes agree in any order


@every_road
@pytest.mark.parametrize("position", [0, 1])
def test_a_wrong_shape_is_named(operator, compute, position):
    operands = arguments(operator, exact.operands(LOOSE, 0))
    name, right = ARGUMENTS[operator][position], operands[position]
    for wrong in (
        right[0],
        right[:, 1:],
        right[..., :1],
        right[None],
        right.swapaxes(1, 2),
        right.ravel(),
        right[..., 0],
    ):
        changed = list(operands)
        changed[position] = wrong
        with pytest.raises(ValueError, match=rf"^{name} has shape") as caught:
            compute(*changed, LOOSE)
        assert str(wrong.shape) in str(caught.value)
        assert str(right.shape) in str(caught.value)


@every_road
@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("dtype", ["complex128", "bool", "U1", "S1", "datetime64[s]", [("re", "f4")]])
def test_a_wrong_dtype_is_named(operator, compute, position, dtype):
    operands = arguments(operator, exact.operands(LOOSE, 0))
    operands[position] = np.zeros(operands[position].shape, dtype)
    with pytest.raises(TypeError, match=rf"^{ARGUMENTS[operator][position]} has dtype") as caught:
        compute(*operands, LOOSE)
    assert str(np.dtype(dtype)) in str(caught.value)


@every_road
def test_bfloat16_is_added_wider(operator, compute):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    # bfloat16 keeps 8 bits: it would stay at 256 however often 1 is added. The exact 259 is stored as 260.
    values = np.array([256, 1, 1, 1], ml_dtypes.bfloat16)
    problem, first, second = one_sum(operator, values, np.ones(4, ml_dtypes.bfloat16))
    result = compute(first, second, problem)
    assert result.dtype == ml_dtypes.bfloat16
    assert result.item() == 260


# -- the parts of lowering and transposed ----------------------------------------------------------


def test_im2col_by_hand():
    # Padded by a column of zeros on the left, windows of two: (0 1), (1 2); channels (1 10), (2 20) vary fastest.
    problem = Problem.parse("b1h1w2i2o2k1x2p0.0.1.0")
    x = np.array([1, 10, 2, 20]).reshape(problem.x_shape)
    assert lowering.im2col(x, problem).tolist() == [[[0, 0, 1, 10], [1, 10, 2, 20]]]
    grouped = problem.replace(groups=2)
    assert lowering.im2col(x, grouped).tolist() == [[[0, 1], [1, 2]], [[0, 10], [10, 20]]]
    # Each pixel gets what stands where it was read: 1 from the second place and the first of the next row.
    columns = np.array([[[7, 7, 1, 2], [10, 20, 100, 200]]])
    assert lowering.col2im(columns, problem).ravel().tolist() == [1 + 10, 2 + 20, 100, 200]


@settings(deadline=None)
@given(strategies.operands(strategies.problems(), dtype=np.int64, headroom=2**20))
def test_col2im_is_the_adjoint_of_im2col(drawn):
    problem, operands = drawn
    columns = exact.integers(lowering.columns_shape(problem), 1000, np.int64, 7, stream=9)
    lowered = lowering.im2col(operands.x, problem)
    assert lowered.shape == columns.shape
    x, raised = operands.x.astype(object), lowering.col2im(columns, problem).astype(object)
    # As Python ints, which cannot overflow.
    assert (lowered.astype(object) * columns).sum() == (x * raised).sum()


@pytest.mark.parametrize("function", [lowering.im2col, lowering.col2im])
def test_lowering_names_what_it_refuses(function):
    name = {"im2col": "x", "col2im": "cols"}[function.__name__]
    with pytest.raises(ValueError, match=f"^{name} has shape"):
        function(np.zeros((1, 1, 1, 1)), LOOSE)
    with pytest.raises(TypeError, match=f"^{name} has dtype"):
        function(np.zeros((1, 1, 1, 1), complex), LOOSE)


def test_lowering_does_not_alias():
    problem = Problem.parse("b1h2w2i1o1k1")
    x = np.arange(4.0).reshape(problem.x_shape)
    columns = lowering.im2col(x, problem)
    assert not np.may_share_memory(columns, x)
    assert not np.may_share_memory(lowering.col2im(columns, problem), columns)


@settings(deadline=None, max_examples=50)
@given(strategies.operands(strategies.problems(), dtype=np.int64))
def test_matrices_and_back(drawn):
    problem, operands = drawn
    weights = lowering.weight_matrices(operands.w, problem)
    pixels = lowering.pixel_matrices(operands.gy, problem)
    groups, rows, taps = lowering.columns_shape(problem)
    assert weights.shape == (groups, taps, problem.c_out // groups)
    assert pixels.shape == (groups, rows, problem.c_out // groups)
    assert np.array_equal(lowering.from_weight_matrices(weights, problem), operands.w)
    assert np.array_equal(lowering.from_pixel_matrices(pixels, problem), operands.gy)


@settings(deadline=None, max_examples=50)
@given(strategies.operands(strategies.problems(max_multiplications=256), dtype=np.int64))
def test_transposed_takes_any_forward_pass(drawn):
    problem, operands = drawn
    calls = []

    def conv(x, w, inner):
        calls.append(inner)
        return index_sum.forward(x, w, inner)

    gw = transposed.grad_weight(operands.gy, operands.x, problem, conv=conv)
    gx = transposed.grad_input(operands.gy, operands.w, problem, conv=conv)
    assert_same(gw, index_sum.grad_weight(operands.gy, operands.x, problem))
    assert_same(gx, index_sum.grad_input(operands.gy, operands.w, problem))
    assert len(calls) == (2 * problem.groups if problem.batch else 0)
    assert all(inner.groups == 1 for inner in calls)


def test_dilate_by_hand():
    spread = transposed.dilate(np.array([1, 2, 3, 4]).reshape(1, 2, 2, 1), Problem.parse("b1h5w4i1o1k1s3x2"))
    assert spread[0, :, :, 0].tolist() == [[1, 0, 2], [0, 0, 0], [0, 0, 0], [3, 0, 4]]


def test_flip_by_hand():
    assert transposed.flip(np.arange(6).reshape(2, 3, 1, 1))[:, :, 0, 0].tolist() == [[5, 4, 3], [2, 1, 0]]


def test_pad_or_crop_by_hand():
    x = np.arange(1, 10).reshape(1, 3, 3, 1)
    changed = transposed.pad_or_crop(x, (-1, 1, 2, -2))  # top, bottom, left, right
    assert changed[0, :, :, 0].tolist() == [[0, 0, 4], [0, 0, 7], [0, 0, 0]]
    assert np.array_equal(transposed.pad_or_crop(x, (0, 0, 0, 0)), x)


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("b1h2w1i1o1k1s2x1", (0, 1, 0, 0)),  # the remainder comes behind
        ("b1h1w1i1o1k1p1", (-1, -1, -1, -1)),  # p > a - 1 crops
        ("b1h5w5i1o1k3x2p1.0.2.4d2x3", (4 - 1, 4 - 0, 3 - 2, 3 - 4)),
    ],
)
def test_the_padding_of_the_full_convolution(text, sides):
    assert transposed.input_padding(Problem.parse(text)) == sides


def test_the_convolution_that_gives_dw():
    # h = 2, a = 1, s = 2 (an erratum of the derivation): its result is 2 rows for a kernel of 1, hence the crop.
    inner = transposed.weight_problem(Problem.parse("b3h2w5i4o6k1x2s2x3d1x2g2"))
    assert inner == Problem.parse("b2h2w5i3o3k1s1x2")
    assert inner.y_shape == (2, 2, 3, 3)
