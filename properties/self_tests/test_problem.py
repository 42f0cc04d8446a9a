"""Problem: its text form, what it refuses, and its derived geometry, counted rather than calculated again."""

import copy
import pickle
import shlex
import time
from collections import Counter
from dataclasses import FrozenInstanceError, fields
from decimal import Decimal
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refconv.problem import OPERATORS, Padding, Pair, Problem
from refconv_properties import strategies

# A problem that stays possible when any one field is changed as below.
ROOMY = {"batch": 1, "height": 8, "width": 8, "c_in": 4, "c_out": 4, "kernel": 2}
CHANGES = {
    "batch": 2, "height": 9, "width": 9, "c_in": 8, "c_out": 8,
    "kernel": (2, 3), "stride": (1, 2), "padding": (0, 0, 0, 1), "dilation": (2, 1), "groups": 2,
}  # fmt: skip
FIELDS = tuple(field.name for field in fields(Problem))
PARTS = {
    "kernel": ("height", "width"),
    "stride": ("height", "width"),
    "dilation": ("height", "width"),
    "padding": ("top", "bottom", "left", "right"),
}


def roomy(**changes):
    return Problem(**{**ROOMY, **changes})


@st.composite
def wide_problems(draw, most=10**6):
    """Problems of any size: `strategies.problems` keeps to small ones, and text has no such limit."""
    number = st.integers(1, most)
    kernel, stride, dilation = (Pair(draw(number), draw(number)) for _ in range(3))
    padding = Padding(*(draw(st.integers(0, most)) for _ in range(4)))
    height = max(1, dilation.height * (kernel.height - 1) + 1 - padding.top - padding.bottom)
    width = max(1, dilation.width * (kernel.width - 1) + 1 - padding.left - padding.right)
    groups = draw(number)
    return Problem(
        batch=draw(st.integers(0, most)),
        height=height + draw(st.integers(0, most)),
        width=width + draw(st.integers(0, most)),
        c_in=groups * draw(number),
        c_out=groups * draw(number),
        kernel=kernel, stride=stride, padding=padding, dilation=dilation, groups=groups,
    )  # fmt: skip


# -- text form --------------------------------------------------------------------------------


@settings(deadline=None)
@given(strategies.problems() | wide_problems())
def test_text_round_trips_and_needs_no_quotes(problem):
    text = str(problem)
    assert Problem.parse(text) == problem
    assert str(Problem.parse(text)) == text
    assert shlex.quote(text) == text
    assert eval(repr(problem), {"Problem": Problem}) == problem


@pytest.mark.parametrize("size", [10**17, 10**18, 2**64])
def test_text_round_trips_at_any_size(size):
    problem = roomy(height=size)
    assert Problem.parse(str(problem)) == problem


def test_the_first_example_of_the_design():
    problem = Problem.parse("b2h5w7i3o4k3s2p1")
    assert problem == Problem(batch=2, height=5, width=7, c_in=3, c_out=4, kernel=3, stride=2, padding=1)
    assert problem.x_shape == (2, 5, 7, 3)
    assert problem.w_shape == (3, 3, 3, 4)
    # 7 padded rows hold windows at 0, 2, 4; 9 padded columns at 0, 2, 4, 6. Nothing is left over.
    assert problem.y_shape == (2, 3, 4, 4)
    assert problem.remainder == (0, 0)


def test_the_second_example_of_the_design():
    problem = Problem.parse("b1h8w8i4o4k3x5s2x1p1.0.2.2d2g2")
    assert problem == Problem(
        batch=1, height=8, width=8, c_in=4, c_out=4,
        kernel=(3, 5), stride=(2, 1), padding=(1, 0, 2, 2), dilation=2, groups=2,
    )  # fmt: skip
    assert problem.padding == Padding(top=1, bottom=0, left=2, right=2)
    assert problem.w_shape == (3, 5, 2, 4)
    # 9 padded rows hold windows of 5 at 0, 2, 4; 12 padded columns hold windows of 9 at 0, 1, 2, 3.
    assert problem.y_shape == (1, 3, 4, 4)


@pytest.mark.parametrize(
    ("loose", "canonical"),
    [
        ("b1h8w8i4o4k2s1p0d1g1", "b1h8w8i4o4k2"),
        ("b1h8w8i4o4k3x3s2x2p1x1d2x2", "b1h8w8i4o4k3s2p1d2"),
        ("b1h8w8i4o4k3p1.1.1.1", "b1h8w8i4o4k3p1"),
        ("b1h8w8i4o4k3p1.1.2.2", "b1h8w8i4o4k3p1x2"),
        ("b1h8w8i4o4k3p0x2", "b1h8w8i4o4k3p0x2"),
        ("b1h8w8i4o4k3p0.1.0.1", "b1h8w8i4o4k3p0.1.0.1"),
        ("b01h08w8i4o4k3", "b1h8w8i4o4k3"),
        ("b0h8w9i4o6k3x2s1x2p1d1x2g2", "b0h8w9i4o6k3x2s1x2p1d1x2g2"),
    ],
)
def test_defaults_are_left_out_and_equal_parts_are_written_once(loose, canonical):
    assert str(Problem.parse(loose)) == canonical
    assert Problem.parse(loose) == Problem.parse(canonical)


@settings(deadline=None)
@given(strategies.problems())
def test_fields_are_written_in_one_order_and_only_where_they_say_something(problem):
    letters = [letter for letter in str(problem) if letter.isalpha() and letter != "x"]
    optional = {
        "s": problem.stride != (1, 1),
        "p": problem.padding != (0, 0, 0, 0),
        "d": problem.dilation != (1, 1),
        "g": problem.groups != 1,
    }
    assert letters == [*"bhwiok", *(letter for letter, said in optional.items() if said)]


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "b1", "b1h1w1i1o1", "h1w1i1o1k1", "b1h1w1i1k1", "h1b1w1i1o1k1",
        " b1h1w1i1o1k1", "b1h1w1i1o1k1 ", "b1h1w1i1o1k1\n", "b1 h1w1i1o1k1", "B1H1W1I1O1K1",
        "b1h1w1i1o1k", "b1h1w1i1o1k1g", "b-1h1w1i1o1k1", "b1h1w1i1o1k1.5", "b1h1w1i1o1k1e3", "b١h1w1i1o1k1",
        "b1h1w1i1o1k1x", "b1h9w9i1o1k1x1x1", "b1h9w9i1o1k1.1", "b1h9w9i1o1k1s1.1",
        "b1h9w9i1o1k1p1.1", "b1h9w9i1o1k1p1.1.1", "b1h9w9i1o1k1p1.1.1.1.1", "b1h9w9i1o1k1p1x1x1x1",
        "b1h9w9i1o1k1p1s1", "b1h9w9i1o1k1g1d1", "b1h9w9i1o1k1s1s1", "b1h9w9i1o1k1z1",
        "b2h5w7i3o4k3s2p1 b2h5w7i3o4k3s2p1",
    ],
)  # fmt: skip
def test_other_text_is_refused_by_name(text):
    with pytest.raises(ValueError, match="not of the form") as caught:
        Problem.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("b1h0w1i1o1k1", "height = 0 must be at least 1"),
        ("b1h2w2i3o4k1g2", "groups = 2 must divide c_in = 3"),
        ("b1h2w2i1o1k3", "kernel height = 3 must fit"),
    ],
)
def test_parse_refuses_the_impossible_like_the_constructor(text, rule):
    with pytest.raises(ValueError, match=rule):
        Problem.parse(text)


# -- one value -------------------------------------------------------------------------------


def test_ints_widen_to_both_axes_and_all_four_sides():
    problem = roomy(kernel=3, stride=2, padding=1, dilation=2)
    assert (problem.kernel, problem.stride, problem.dilation) == (Pair(3, 3), Pair(2, 2), Pair(2, 2))
    assert problem.padding == Padding(1, 1, 1, 1)
    assert roomy(padding=(1, 2)).padding == Padding(top=1, bottom=1, left=2, right=2)
    assert roomy(padding=(1, 2, 3, 4)).padding == Padding(top=1, bottom=2, left=3, right=4)
    assert roomy(kernel=(2, 3)).kernel == Pair(height=2, width=3)
    assert roomy(kernel=[2, 3]) == roomy(kernel=(2, 3))
    assert isinstance(problem.kernel, Pair)
    assert isinstance(problem.padding, Padding)


def test_defaults():
    problem = roomy()
    assert (problem.stride, problem.dilation, problem.groups) == ((1, 1), (1, 1), 1)
    assert problem.padding == (0, 0, 0, 0)


@pytest.mark.parametrize("name", FIELDS)
def test_frozen(name):
    problem = roomy()
    with pytest.raises(FrozenInstanceError):
        setattr(problem, name, getattr(problem, name))


@pytest.mark.parametrize("name", FIELDS)
def test_no_field_is_forgotten_by_equality_or_by_the_text(name):
    problem, other = roomy(), roomy(**{name: CHANGES[name]})
    assert problem != other
    assert str(problem) != str(other)
    assert problem.replace(**{name: CHANGES[name]}) == other


def test_equal_problems_hash_alike():
    assert hash(roomy()) == hash(roomy())
    assert len({roomy(), roomy(kernel=(2, 2)), roomy(stride=1), roomy(stride=2)}) == 2


def test_positional_arguments_are_refused():
    with pytest.raises(TypeError):
        Problem(1, 8, 8, 4, 4, 2)


def test_copies_are_equal():
    problem = roomy(**{**CHANGES, "padding": (1, 2, 3, 4)})
    # pytest-xdist sends problems between processes.
    assert pickle.loads(pickle.dumps(problem)) == copy.deepcopy(problem) == problem


def test_numpy_integers_become_ints():
    small = {name: np.uint8(value) for name, value in ROOMY.items()}
    problem = Problem(**small, stride=(np.int64(1), np.int16(2)), padding=np.uint8(200), groups=np.array(2))
    assert problem == roomy(stride=(1, 2), padding=200, groups=2)
    assert problem.padded == (408, 408)  # in uint8: 408 - 256
    numbers = [getattr(problem, name) for name in FIELDS if name not in PARTS]
    numbers += [part for name in PARTS for part in getattr(problem, name)]
    assert {type(number) for number in numbers} == {int}


def test_replace_checks_anew_and_leaves_the_original():
    problem = roomy(kernel=3)
    assert problem.replace(stride=(2, 3), padding=1) == roomy(kernel=3, stride=(2, 3), padding=1)
    assert problem.replace() == problem == roomy(kernel=3)
    with pytest.raises(ValueError, match="kernel height = 3 must fit"):
        problem.replace(height=2)
    with pytest.raises(ValueError, match="groups = 3 must divide c_in = 4"):
        problem.replace(groups=3)
    with pytest.raises(TypeError, match="heigth"):
        problem.replace(heigth=2)


# -- what is refused ---------------------------------------------------------------------------


def refused(error, *words, **changes):
    with pytest.raises(error) as caught:
        roomy(**changes)
    assert type(caught.value) is error
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(
    "value",
    [True, False, 1.0, 2.5, "2", "22", None, 1j, Fraction(2), Decimal(2), np.float64(2), np.True_, {2}],
    ids=repr,
)
def test_what_is_no_whole_number_is_refused(name, value):
    refused(TypeError, f"{name} = {value!r}", "must be a whole number", **{name: value})


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("value", [True, 1.0, "2", None, (2, 2)], ids=repr)
def test_each_part_must_be_a_whole_number(name, value):
    for position, part in enumerate(PARTS[name]):
        values = [1] * len(PARTS[name])
        values[position] = value
        refused(TypeError, f"{name} {part} = {value!r}", "must be a whole number", **{name: tuple(values)})


def test_bytes_are_no_pair_of_numbers():
    # Python has bytes as a sequence of ints; as a kernel, b"\x02\x03" is somebody's mistake, not 2x3.
    for value in (b"\x02\x03", bytearray(b"\x02\x03")):
        refused(TypeError, "kernel = ", "must be a whole number", kernel=value)


@pytest.mark.parametrize("name", FIELDS)
def test_numbers_have_a_least_value(name):
    least = 0 if name in ("batch", "padding") else 1
    for value in (least - 1, -(10**20)):
        refused(ValueError, f"{name} = {value}", f"must be at least {least}", **{name: value})


@pytest.mark.parametrize("name", PARTS)
def test_each_part_has_a_least_value(name):
    least = 0 if name == "padding" else 1
    for position, part in enumerate(PARTS[name]):
        values = [2] * len(PARTS[name])
        values[position] = least - 1
        refused(ValueError, f"{name} {part} = {least - 1}", f"must be at least {least}", **{name: tuple(values)})


@pytest.mark.parametrize(("values", "part"), [((-1, 0), "vertical"), ((0, -1), "horizontal")])
def test_both_halves_of_a_padding_pair_have_a_least_value(values, part):
    refused(ValueError, f"padding {part} = -1", "must be at least 0", padding=values)


@pytest.mark.parametrize(
    ("name", "length"),
    [(name, length) for name in ("kernel", "stride", "dilation") for length in (0, 1, 3, 4)]
    + [("padding", length) for length in (0, 1, 3, 5)],
)
def test_the_number_of_parts_is_checked(name, length):
    values = (1,) * length
    refused(ValueError, f"{name} = {values}", ", ".join(PARTS[name]), **{name: values})


@pytest.mark.parametrize("name", [name for name in FIELDS if name not in PARTS])
def test_single_numbers_do_not_take_pairs(name):
    refused(TypeError, f"{name} = (2, 2)", "must be a whole number", **{name: (2, 2)})


def test_groups_must_divide_both_channel_counts():
    refused(ValueError, "groups = 4 must divide c_in = 6", groups=4, c_in=6, c_out=4)
    refused(ValueError, "groups = 4 must divide c_out = 6", groups=4, c_in=4, c_out=6)
    refused(ValueError, "groups = 8 must divide c_in = 4", groups=8)


@pytest.mark.parametrize(("axis", "rest"), [("height", (1, 0, 4, 4)), ("width", (4, 4, 1, 0))])
def test_the_kernel_must_fit_on_each_axis(axis, rest):
    # The other axis has room to spare, so the one that lacks it must be the one that is named.
    fits = {"height": 4, "width": 4, "kernel": 5, "padding": rest}
    roomy(**fits)
    refused(
        ValueError, f"kernel {axis} = 6 must fit", "padded input", "5 (4 plus 1 of padding)", **{**fits, "kernel": 6}
    )
    # Taps 0 and 4 apart span 5 rows; one more step of dilation is one row too many.
    roomy(**{**fits, "kernel": 2, "dilation": 4})
    refused(
        ValueError,
        f"kernel {axis} = 2",
        "spread over 6 by dilation 5",
        "must fit",
        **{**fits, "kernel": 2, "dilation": 5},
    )


# -- derived geometry, counted -------------------------------------------------------------------


def axes(problem):
    """(padded size, extent of the dilated kernel, stride) for each axis, written out once more."""
    top, bottom, left, right = problem.padding
    padded = (problem.height + top + bottom, problem.width + left + right)
    extent = tuple((a - 1) * d + 1 for a, d in zip(problem.kernel, problem.dilation, strict=True))
    return tuple(zip(padded, extent, problem.stride, strict=True))


@settings(deadline=None, max_examples=300)
@given(strategies.problems() | wide_problems())
def test_the_output_is_as_large_as_the_last_window_that_fits(problem):
    for out, (padded, extent, stride) in zip(problem.y_shape[1:3], axes(problem), strict=True):
        assert out >= 1
        assert (out - 1) * stride + extent <= padded < out * stride + extent


@settings(deadline=None, max_examples=200)
@given(strategies.problems())
def test_windows_counted_one_by_one(problem):
    for axis, (padded, extent, stride) in enumerate(axes(problem)):
        starts = [row for row in range(0, padded, stride) if row + extent - 1 in range(padded)]
        assert problem.y_shape[1 + axis] == len(starts)
        behind = [row for row in range(padded) if row > starts[-1] + extent - 1]
        assert problem.remainder[axis] == len(behind)
        assert problem.padded[axis] == padded
        assert problem.kernel_extent[axis] == extent


@settings(deadline=None)
@given(strategies.problems())
def test_shapes_follow_the_layouts(problem):
    b, out_h, out_w = problem.batch, problem.out_height, problem.out_width
    assert problem.x_shape == (b, problem.height, problem.width, problem.c_in)
    assert problem.y_shape == (b, out_h, out_w, problem.c_out)
    assert problem.w_shape == (*problem.kernel, problem.c_in_per_group, problem.c_out)
    assert problem.c_in_per_group * problem.groups == problem.c_in
    assert problem.c_out_per_group * problem.groups == problem.c_out
    assert problem.result_shape("forward") == problem.y_shape
    assert problem.result_shape("grad_input") == problem.x_shape
    assert problem.result_shape("grad_weight") == problem.w_shape


@settings(deadline=None)
@given(strategies.problems(max_multiplications=512))
def test_terms_counted_one_by_one(problem):
    per_output, per_pixel, per_weight = Counter(), Counter(), Counter()
    b, out_h, out_w, _ = problem.y_shape
    inputs, outputs = problem.c_in // problem.groups, problem.c_out // problem.groups
    for i, j, k, group in product(range(b), range(out_h), range(out_w), range(problem.groups)):
        for m, n, p, l in product(*map(range, problem.kernel), range(inputs), range(outputs)):
            row = j * problem.stride.height + m * problem.dilation.height
            column = k * problem.stride.width + n * problem.dilation.width
            per_output[i, j, k, group * outputs + l] += 1
            per_pixel[i, row, column, group * inputs + p] += 1
            per_weight[m, n, p, group * outputs + l] += 1
    assert sum(per_output.values()) == problem.multiplications
    if problem.batch == 0:
        assert problem.terms("grad_weight") == 0
        return
    # Every output and every weight meets the same number of terms, padding included; a pixel meets at most so many.
    assert set(per_output.values()) == {problem.terms("forward")}
    assert set(per_weight.values()) == {problem.terms("grad_weight")}
    assert max(per_pixel.values()) <= problem.terms("grad_input")
    assert len(per_output) == np.prod(problem.y_shape)
    assert len(per_weight) == np.prod(problem.w_shape)


def test_a_pixel_in_the_middle_meets_all_its_terms():
    # The centre of 5x5 lies in all nine 3x3 windows, and two output channels of its group read it: 9 * 2.
    assert Problem.parse("b7h5w5i6o4k3g2").terms("grad_input") == 18


# -- size ----------------------------------------------------------------------------------------


def test_huge_numbers_cost_nothing():
    # An allocation, a loop over pixels or a backtracking parser would run for hours here, or fail.
    begin = time.perf_counter()
    n = 10**18 - 1
    problem = Problem.parse(f"b{n}h{n}w{n}i{n}o{n}k{n}s{n}p{n}")
    assert problem.y_shape == (n, 3, 3, n)  # 3 n padded rows, windows of n, a stride of n
    assert problem.multiplications == n * 9 * n * n * n * n
    assert [problem.terms(operator) for operator in OPERATORS] == [n**3, n**3, 9 * n]
    with pytest.raises(ValueError, match="groups"):
        problem.replace(groups=10**17)
    for text in ("b" + "1" * 10**6, "b1h1w1i1o1k" + "1x" * 10**5, "b1h1w1i1o1k1p" + "1." * 10**5):
        with pytest.raises(ValueError, match="not of the form"):
            Problem.parse(text)
    assert time.perf_counter() - begin < 5
