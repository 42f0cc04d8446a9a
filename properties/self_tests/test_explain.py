"""`refconv.explain`: the right terms, the right mistake, and no mistake where none explains everything."""

import time
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pytest

from refconv import exact, index_sum, windows
from refconv.explain import diagnose
from refconv.explain.diagnosis import variations
from refconv.explain.form import Form
from refconv.explain.mistakes import TABLE, Case
from refconv.explain.picture import drawn
from refconv.explain.terms import Prober, formula
from refconv.formats import format_of
from refconv.problem import OPERANDS, OPERATORS, Problem

P = Problem.parse
PROBLEMS = [
    P("b2h5w4i2o3k3x2s2x1p1.0.2.1"),
    P("b1h4w6i4o6k2x3s1x2p0.1.1.0d2x1g2"),
    P("b3h2w3i3o3k1x2s3p1x2g3"),
    P("b1h1w2i1o1k1s1x2"),
]
DTYPES = ["float32", "float64", "tf32", "int64", "float16", "bfloat16", "int8"]
seeded = pytest.mark.parametrize("seed", range(6))
each_operator = pytest.mark.parametrize("operator", OPERATORS)


def operands(operator, problem, dtype="float32", seed=1):
    drawn = exact.operands(problem, seed, dtype, operators=(operator,))
    return tuple(getattr(drawn, name) for name in OPERANDS[operator])


def explained(call, problem, operator="forward", dtype="float32", **options):
    problem = P(problem) if isinstance(problem, str) else problem
    return diagnose(call, problem, operator, *operands(operator, problem, dtype), **options)


def products(operator, first, second, problem, **slips):
    """Every product of the formula, one by one, with some of its indices changed by functions of the others.

    i, u, v, q: the pixel of X; m, n: the tap of W; times: how often the product is added. All are arrays.
    """
    (s_h, s_w), (d_h, d_w) = problem.stride, problem.dilation
    top, _, left, _ = problem.padding
    kind = np.float64 if first.dtype.kind == "f" else np.int64
    x, w, y = (np.zeros(shape, kind) for shape in (problem.x_shape, problem.w_shape, problem.y_shape))
    into = {"forward": (x, w), "grad_input": (y, w), "grad_weight": (y, x)}[operator]
    into[0][...], into[1][...] = first, second
    field_ = (*problem.y_shape, *problem.kernel, problem.c_in_per_group)
    i, j, k, l, m, n, p = (axis.ravel() for axis in np.indices(field_))
    names = {"i": i, "j": j, "k": k, "l": l, "m": m, "n": n, "p": p, "problem": problem}
    names |= {"u": j * s_h + m * d_h - top, "v": k * s_w + n * d_w - left}
    names |= {"q": l // problem.c_out_per_group * problem.c_in_per_group + p, "times": np.ones_like(i)}
    now = names | {name: slip(**names) + 0 * i for name, slip in slips.items()}
    inside = np.ones(i.shape, bool)
    for name, size in zip("iuvq", problem.x_shape, strict=True):
        inside &= (now[name] >= 0) & (now[name] < size)
    pixel = tuple(now[name][inside] for name in "iuvq")
    tap = tuple(index[inside] for index in (now["m"], now["n"], p, l))
    output, times = tuple(index[inside] for index in (i, j, k, l)), now["times"][inside]
    result = np.zeros(problem.result_shape(operator), kind)
    if operator == "forward":
        np.add.at(result, output, times * x[pixel] * w[tap])
    elif operator == "grad_input":
        np.add.at(result, pixel, times * y[output] * w[tap])
    else:
        np.add.at(result, tap, times * x[pixel] * y[output])
    return result.astype(first.dtype)


def slipped(**slips):
    return lambda operator, first, second, problem: products(operator, first, second, problem, **slips)


# -- the formula ----------------------------------------------------------------------------------


@each_operator
@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_the_form_of_a_problem_is_the_index_sum(operator, problem):
    for dtype in ("float32", "int64"):
        first, second = operands(operator, problem, dtype)
        expected = getattr(index_sum, operator)(first, second, problem)
        assert (Form.of(problem).apply(operator, first, second, problem) == expected).all()
        assert (products(operator, first, second, problem) == expected).all()


@each_operator
@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_the_terms_of_an_element_are_those_of_the_index_sum(operator, problem):
    first, second = (operand.astype(object) for operand in operands(operator, problem, "int64"))
    expected = getattr(index_sum, operator)(first, second, problem)
    for index in np.ndindex(expected.shape):
        a, b = formula(operator, index, problem)
        assert (first.ravel()[a] * second.ravel()[b]).sum() == expected[index]
        assert len(set(zip(a.tolist(), b.tolist(), strict=True))) == len(a) <= problem.terms(operator)


# -- terms ----------------------------------------------------------------------------------------


class OneWrongElement:
    """Right but for one element, whose terms are changed: coefficients to add, by flat indices of both operands."""

    def __init__(self, operator, problem, index, changes):
        self.operator, self.problem, self.index, self.changes = operator, problem, index, changes
        self.calls = 0

    def __call__(self, operator, first, second, problem):
        self.calls += 1
        result = Form.of(problem).apply(operator, first, second, problem)
        if (operator, problem) == (self.operator, self.problem):
            a, b = (operand.ravel().astype(np.float64) for operand in (first, second))
            value = sum(a[i] * b[j] for i, j in zip(*formula(operator, self.index, problem), strict=True))
            result[self.index] = value + sum(count * a[i] * b[j] for (i, j), count in self.changes.items())
        return result


@seeded
@each_operator
@pytest.mark.parametrize("dtype", DTYPES)
def test_missing_foreign_and_repeated_terms_are_read_off(seed, operator, dtype):
    random = np.random.default_rng([seed, OPERATORS.index(operator)])
    problem = PROBLEMS[seed % len(PROBLEMS)]
    first, second = operands(operator, problem, dtype)
    index = tuple(int(random.integers(size)) for size in problem.result_shape(operator))
    terms = list(zip(*(flat.tolist() for flat in formula(operator, index, problem)), strict=True))
    changes = {}
    for term in terms[seed % 3 :: 3]:
        changes[term] = (-1, -1, 1, -2)[int(random.integers(4))]
    for _ in range(seed % 4 + (not changes)):
        a, b = int(random.integers(first.size)), int(random.integers(second.size))
        if (a, b) not in terms:
            changes[a, b] = (1, 1, 2, -1)[int(random.integers(4))]
    call = OneWrongElement(operator, problem, index, changes)
    prober = Prober(call, problem, operator, index, (first.shape, second.shape), first.dtype, time.monotonic() + 60)
    reading = prober.read()
    assert reading.limit == ""
    assert set(reading.missing) == {term for term, count in changes.items() if term in terms and count == -1}
    assert dict(reading.foreign) == {term: count for term, count in changes.items() if term not in terms}
    assert dict(reading.counted) == {
        term: 1 + count for term, count in changes.items() if term in terms and count != -1
    }
    assert call.calls == reading.calls


def test_few_calls_find_one_wrong_term_among_many():
    problem = P("b2h12w12i32o8k3p1")
    index = (1, 5, 6, 7)
    a, b = formula("forward", index, problem)
    call = OneWrongElement("forward", problem, index, {(int(a[100]), int(b[100])): -1})
    shapes = (problem.x_shape, problem.w_shape)
    reading = Prober(call, problem, "forward", index, shapes, np.dtype("float32"), time.monotonic() + 60).read()
    assert reading.missing == [(a[100], b[100])]
    assert call.calls < 100  # the formula has 288 terms, X 9,216 elements and W 2,304


def test_terms_are_named_as_in_the_formula():
    problem = P("b1h2w3i2o3k2x1")
    lines = explained(slipped(times=lambda m, l, **_: 1 - (m == 1) * (l == 2)), problem).sentences
    assert "Y[0,0,0,2] lacks X[0,1,0,0] W[1,0,0,2], X[0,1,0,1] W[1,0,1,2] (2 of its 4 terms)" in lines
    lines = explained(slipped(u=lambda u, l, **_: u + (l == 2) * (-1) ** u), "b1h2w3i1o3k1").sentences
    assert "Y[0,0,0,2] lacks X[0,0,0,0] W[0,0,0,2] (1 of its 1 terms)" in lines
    assert "Y[0,0,0,2] has X[0,1,0,0] W[0,0,0,2] instead" in lines
    lines = explained(slipped(times=lambda i, j, **_: 1 + (j == 1)), "b1h2w1i1o1k1", "grad_weight").sentences
    assert "dW[0,0,0,0] counts X[0,1,0,0] G[0,1,0,0] twice" in lines
    lines = explained(slipped(times=lambda j, **_: 1 - 2 * (j == 1)), "b1h2w1i1o1k1", "grad_input").sentences
    assert "dX[0,1,0,0] counts G[0,1,0,0] W[0,0,0,0] with a minus" in lines


def test_a_foreign_term_alone_and_long_lists():
    def call(operator, first, second, problem):
        result = windows.forward(first, second, problem)
        result[0, 0, 0, 0] += (first[0, -1] * second[0, 0, 0, 0]).sum()
        return result

    [line] = explained(call, "b1h2w5i1o1k1").sentences[-1:]
    assert line == (
        "Y[0,0,0,0] has X[0,1,0,0] W[0,0,0,0], X[0,1,1,0] W[0,0,0,0], X[0,1,2,0] W[0,0,0,0] and 2 more, no term of it"
    )


def test_what_is_right_needs_no_words():
    for operator in OPERATORS:
        diagnosis = explained(slipped(), PROBLEMS[0], operator)
        assert (diagnosis.index, diagnosis.sentences) == (None, [])


# -- mistakes -------------------------------------------------------------------------------------

MISTAKES = {
    "height and width are swapped in the stride": {
        "u": lambda u, j, problem, **_: u + j * (problem.stride.width - problem.stride.height),
        "v": lambda v, k, problem, **_: v + k * (problem.stride.height - problem.stride.width),
    },
    "height and width are swapped in the padding": {
        "u": lambda u, problem, **_: u + problem.padding.top - problem.padding.left,
        "v": lambda v, problem, **_: v + problem.padding.left - problem.padding.top,
    },
    "height and width are swapped in the dilation": {
        "u": lambda u, m, problem, **_: u + m * (problem.dilation.width - problem.dilation.height),
        "v": lambda v, n, problem, **_: v + n * (problem.dilation.height - problem.dilation.width),
    },
    "the stride of the height is used for the width, too": {
        "v": lambda v, k, problem, **_: v + k * (problem.stride.height - problem.stride.width),
    },
    "the dilation of the width is used for the height, too": {
        "u": lambda u, m, problem, **_: u + m * (problem.dilation.width - problem.dilation.height),
    },
    "the bottom and right padding is used for that of the top and left": {
        "u": lambda u, problem, **_: u + problem.padding.top - problem.padding.bottom,
        "v": lambda v, problem, **_: v + problem.padding.left - problem.padding.right,
    },
    "the padding is ignored": {
        "u": lambda u, problem, **_: u + problem.padding.top,
        "v": lambda v, problem, **_: v + problem.padding.left,
    },
    "the top and left padding is one too large": {"u": lambda u, **_: u - 1, "v": lambda v, **_: v - 1},
    "the top and left padding is one too small, for the height only": {"u": lambda u, **_: u + 1},
    "the stride is ignored": {
        "u": lambda u, j, problem, **_: u - j * (problem.stride.height - 1),
        "v": lambda v, k, problem, **_: v - k * (problem.stride.width - 1),
    },
    "the dilation is ignored": {
        "u": lambda u, m, problem, **_: u - m * (problem.dilation.height - 1),
        "v": lambda v, n, problem, **_: v - n * (problem.dilation.width - 1),
    },
    "the dilation is applied twice": {
        "u": lambda u, m, problem, **_: u + m * (problem.dilation.height - 1) * problem.dilation.height,
        "v": lambda v, n, problem, **_: v + n * (problem.dilation.width - 1) * problem.dilation.width,
    },
    "the kernel is flipped": {
        "m": lambda m, problem, **_: problem.kernel.height - 1 - m,
        "n": lambda n, problem, **_: problem.kernel.width - 1 - n,
    },
    "the padding repeats the edge instead of being zero": {
        "u": lambda u, problem, **_: np.clip(u, 0, problem.height - 1),
        "v": lambda v, problem, **_: np.clip(v, 0, problem.width - 1),
    },
    "the last row or column of the kernel is left out, for the height only": {
        "times": lambda m, problem, **_: m < problem.kernel.height - 1,
    },
    "the last row or column of the output is left out, for the width only": {
        "times": lambda k, problem, **_: k < problem.out_width - 1,
    },
    "the groups are ignored: every output channel reads the first group": {"q": lambda p, **_: p},
    "the groups are interleaved: output channel l belongs to group l mod g": {
        "q": lambda l, p, problem, **_: l % problem.groups * problem.c_in_per_group + p,
    },
    "the input channels of a group come in reverse order": {
        "q": lambda q, p, problem, **_: q + problem.c_in_per_group - 1 - 2 * p,
    },
    "the last input channel of each group is left out": {
        "times": lambda p, problem, **_: p < problem.c_in_per_group - 1,
    },
    "the images of the batch come in reverse order": {"i": lambda i, problem, **_: problem.batch - 1 - i},
    "every image is taken for the first one": {"i": lambda **_: 0},
    "the last image of the batch is left out": {"times": lambda i, problem, **_: i < problem.batch - 1},
    "every term is counted twice: the result is doubled": {"times": lambda **_: 2},
    "the result is negated": {"times": lambda **_: -1},
    "only the centre of the kernel is used": {
        "times": lambda m, n, problem, **_: (
            (m == (problem.kernel.height - 1) // 2) & (n == (problem.kernel.width - 1) // 2)
        ),
    },
}


@each_operator
@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_mistake_is_named(mistake, operator):
    problem = P("b3h6w5i4o4k3x2s2x3p3.2.1.2d2x3g2")
    diagnosis = explained(slipped(**MISTAKES[mistake]), problem, operator, seconds=30)
    assert diagnosis.hypothesis.endswith(f": {mistake}")
    assert diagnosis.sentences[0] == diagnosis.hypothesis
    assert len(diagnosis.sentences) <= 8


AFTER = {
    "the result is rounded to bfloat16": lambda y: brief(y),
    "negative results are set to 0, as by a ReLU": lambda y: np.maximum(y, 0),
    "the result wraps around in int16": lambda y: y.astype(np.int64).astype(np.int16),
    "the result is clipped to int16": lambda y: np.clip(y, -(2**15), 2**15 - 1),
    "nothing is written: every element is 0": lambda y: y * 0,
    "the output channels come in reverse order": lambda y: y[..., ::-1],
    "the result is not written past the last multiple of 4 along its fourth axis": lambda y: np.where(
        np.arange(y.shape[-1]) < y.shape[-1] // 4 * 4, y, 0
    ),
    "the result is not written past the last multiple of 8 elements": lambda y: np.where(
        np.arange(y.size).reshape(y.shape) < y.size // 8 * 8, y, 0
    ),
    "Y is taken for NCHW in memory": lambda y: y.reshape(y.shape[0], y.shape[3], *y.shape[1:3]).transpose(0, 2, 3, 1),
}


def brief(values):
    """Of float32 numbers the upper 16 bits, rounded to nearest even."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


@pytest.mark.parametrize("mistake", AFTER)
def test_a_spoilt_result_is_named(mistake):
    def call(operator, first, second, problem):
        return AFTER[mistake](windows.forward(first, second, problem)).astype(first.dtype)

    problem = P("b3h5w6i3o7k3x2")
    large = operands("forward", problem, seed=1)  # with seed 0 no sum would leave int16
    assert diagnose(call, problem, "forward", *large, seconds=30).hypothesis.endswith(f": {mistake}")


def test_operands_in_the_wrong_layout_are_named():
    def oihw(operator, x, w, problem):
        a_h, a_w, p, l = w.shape
        return windows.forward(x, w.reshape(l, p, a_h, a_w).transpose(2, 3, 1, 0), problem)

    assert "W is taken for OIHW" in explained(oihw, "b1h5w6i3o7k3x2").hypothesis

    def transposed(operator, x, w, problem):
        return windows.forward(x, w.swapaxes(0, 1), problem)

    assert "the kernel is transposed" in explained(transposed, "b1h5w6i3o7k3").hypothesis


@each_operator
@seeded
def test_no_mistake_is_claimed_for_a_fault_that_is_none_of_them(operator, seed):
    """One element of the result, or of an operand, at random: no formula gives that on other problems."""
    random = np.random.default_rng([seed, 5])
    problem = PROBLEMS[seed % 3]

    def call(operator, first, second, problem):
        result = windows_of(operator, first, second, problem)
        at = tuple(int(random.integers(size)) for size in result.shape)
        result[at] += seed + 1
        return result

    diagnosis = explained(call, problem, operator)
    assert (diagnosis.hypothesis, diagnosis.index is None) == ("", False)

    def swapped(operator, first, second, problem):
        other = first.copy().ravel()
        other[[0, other.size // 2]] = other[[other.size // 2, 0]]
        return windows_of(operator, other.reshape(first.shape), second, problem)

    assert explained(swapped, problem, operator).hypothesis == ""


def windows_of(operator, first, second, problem):
    return getattr(windows, operator)(first, second, problem)


def test_a_large_problem_is_explained_on_a_smaller_one():
    def flipped(operator, first, second, problem):
        return windows_of(operator, first, second[::-1, ::-1], problem)

    diagnosis = explained(flipped, "b2h12w12i32o16k3p1", seconds=20)
    assert diagnosis.hypothesis.startswith("on b2h12w12i4o2k3p1, one mistake explains every element, here and on ")
    assert diagnosis.hypothesis.endswith(": the kernel is flipped")
    assert any(line.startswith("Y[0,0,0,0] lacks ") for line in diagnosis.sentences)


def test_a_mistake_that_fits_by_chance_is_not_claimed():
    """On one term, any factor looks like another mistake; on other problems, it does not."""

    def call(operator, first, second, problem):
        result = windows_of(operator, first, second, problem)
        return result * 2 if problem.multiplications == 1 else result + np.arange(result.size).reshape(result.shape)

    assert explained(call, "b1h1w1i1o1k1").hypothesis == ""


@each_operator
def test_every_mistake_of_the_table_is_a_mistake(operator):
    """Each changes some result, of the right shape and dtype, and none is there twice."""
    problem = P("b5h9w9i9o9k5x3s2x3p3.2.1.2d2x3g3")
    sentences_ = [mistake.sentence for mistake in TABLE]
    assert len(set(sentences_)) == len(sentences_) >= 20
    case = Case(operator, *operands(operator, problem, "float64"), problem, format_of("float64"))
    changing = 0
    for mistake in TABLE:
        try:
            with np.errstate(all="ignore"):
                result = mistake.result(case)
        except ValueError:
            continue
        if result is not None:
            assert result.dtype == np.float64
            assert result.shape == problem.result_shape(operator), mistake.sentence
            changing += not (result == case.expected).all()
    assert changing > 0.8 * len(TABLE)
    assert all(problem.kernel <= other.kernel for other in variations(problem))


# -- what is no sum of products -------------------------------------------------------------------


def test_leftover_memory_is_told():
    def call(operator, first, second, problem):
        result = windows_of(operator, first, second, problem)
        result[..., -1] += 1000
        return result

    lines = explained(call, "b1h2w3i1o2k1").sentences
    assert "the wrong elements are exactly those of output channel 1 (of 0 to 1)" in lines
    assert any(line.startswith("Y[0,0,0,1] is 1000 where every operand is 0") for line in lines)

    def poisoned(operator, first, second, problem):
        result = windows_of(operator, first, second, problem)
        result[0, -1] = np.nan
        return result

    lines = explained(poisoned, "b1h2w3i1o2k1").sentences
    assert any(line.startswith("Y[0,1,0,0] is nan where every operand is 0") for line in lines)


def test_results_that_change_from_call_to_call_are_told():
    calls = iter(range(1, 10**6))

    def call(operator, first, second, problem):
        return windows_of(operator, first, second, problem) + next(calls)

    lines = explained(call, "b1h2w3i1o2k1").sentences
    assert any("the same call again gives Y[0,0,0,0] = " in line for line in lines)


def test_what_is_not_bilinear_is_told():
    def absolute(operator, first, second, problem):
        return windows_of(operator, first, second, problem) ** 2

    lines = explained(absolute, "b1h4w4i1o1k1").sentences
    assert any("it is not additive" in line for line in lines)


def test_an_implementation_that_raises_or_takes_its_time_is_told_and_ends():
    def raises(operator, first, second, problem):
        raise RuntimeError("no such tile")

    assert explained(raises, "b1h2w3i1o2k1").sentences == ["forward raised RuntimeError: no such tile"]

    class Limit(BaseException):
        pass

    def raises_later(operator, first, second, problem):
        if (first == 0).any():
            raise Limit("too late")
        return windows_of(operator, first, second, problem) + 1

    lines = explained(raises_later, "b1h2w3i1o2k1").sentences
    assert any("it failed on one-hot operands: too late" in line for line in lines)

    def slow(operator, first, second, problem):
        time.sleep(0.05)
        return products(operator, first, second, problem, q=lambda q, problem, **_: (q + 1) % problem.c_in)

    started = time.monotonic()
    lines = explained(slow, "b1h3w3i4o2k2", seconds=0.3).sentences
    assert time.monotonic() - started < 2
    assert any("time was up" in line for line in lines)


SHAPES = {
    "the remainder that no window reaches were dropped": ("grad_input", "b1h6w5i1o1k3s2", (1, 5, 5, 1)),
    "the output size were rounded up instead of down": ("forward", "b1h6w5i1o1k3s2", (1, 3, 2, 1)),
    "the convolution by dilate(G) were not cropped to the kernel": ("grad_weight", "b1h6w5i1o1k3s2", (4, 3, 1, 1)),
    "the dilation were ignored in the output size": ("forward", "b1h7w9i1o1k3d2", (1, 5, 7, 1)),
    "the strides of height and width were swapped": ("forward", "b1h7w9i1o2k1s2x4", (1, 2, 5, 2)),
    "it were laid out NCHW": ("forward", "b2h3w4i1o5k1", (2, 5, 3, 4)),
}


@pytest.mark.parametrize("sentence", SHAPES)
def test_a_wrong_shape_is_explained(sentence):
    operator, problem, shape = SHAPES[sentence]
    [line] = explained(lambda *_: np.zeros(shape, np.float32), problem, operator).sentences
    assert line.endswith(f"would have this shape if {sentence}")


def test_a_shape_that_no_slip_makes_is_left_alone():
    assert explained(lambda *_: np.zeros((7, 7, 7, 7), np.float32), "b1h6w5i1o1k3s2").sentences == []


# -- pictures -------------------------------------------------------------------------------------


def picture(call, problem, operator="forward"):
    return drawn(explained(call, problem, operator))


def test_a_picture_shows_what_is_read():
    shown = picture(slipped(u=lambda u, m, **_: u + m), "b1h4w3i1o1k2p1.0.0.0")
    assert shown.text() == [
        "X[0,row,column,:] as Y[0,0,0,0] reads it",
        "-1 : : :",
        " 0 - - .",
        " 1 + + .",
        " 2 . . .",
        " 3 . . .",
        "   - missing   + read, but no term   . not read   : padding",
    ]


@pytest.mark.parametrize(("operator", "name"), [("grad_input", "G[0,"), ("grad_weight", "X[1,")])
def test_gradients_have_pictures_of_what_they_read(operator, name):
    shown = picture(slipped(times=lambda i, **_: i == 0), "b2h4w3i1o1k2", operator)
    assert shown.caption.startswith(name if operator == "grad_weight" else "G[1,")
    assert "missing" in shown.kinds.values()


def test_a_large_picture_is_cut():
    shown = picture(slipped(v=lambda v, **_: v - (v == 80)), "b1h1w99i1o1k1")
    assert len(shown.columns) == 48
    assert 80 in shown.columns


def test_pictures_are_written(tmp_path):
    shown = picture(slipped(u=lambda u, m, **_: u + m), "b1h4w3i1o1k2p1.0.0.0")
    shown.save(tmp_path / "field.svg")
    root = xml.etree.ElementTree.parse(tmp_path / "field.svg").getroot()
    cells = [node for node in root.iter("{http://www.w3.org/2000/svg}rect") if node.get("stroke")]
    assert len(cells) == 15 + len(shown.legend)
    pytest.importorskip("PIL")
    from PIL import Image

    shown.save(tmp_path / "field.png")
    with Image.open(tmp_path / "field.png") as image:
        assert image.size == (int(root.get("width")), int(root.get("height")))
        assert len(set(image.convert("RGB").get_flattened_data())) > 4
    with pytest.raises(ValueError, match="must end in"):
        shown.save(tmp_path / "field.gif")


# -- the command ----------------------------------------------------------------------------------


@pytest.fixture
def planted_folder():
    return Path(__file__).parent / "planted"


def test_the_command_explains(refconv, planted_folder, tmp_path):
    ran = refconv(
        "explain",
        "b2h5w7i2o3k3x2s3x2p1.2.0.0",
        "--impl",
        f"{planted_folder}/swapped_padding.py:Conv",
        "--picture",
        str(tmp_path / "field.svg"),
    )
    assert ran.status == 1
    assert "forward is wrong on b2h5w7i2o3k3x2s3x2p1.2.0.0, seed 0" in ran.out
    assert "height and width are swapped in the padding" in ran.out
    assert "Y[0,0,0,0] lacks X[0,0,0,0] W[1,0,0,0]" in ran.out
    assert (tmp_path / "field.svg").exists()


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        ("right.py:Conv", "nothing is wrong"),
        ("dropped_remainder.py:Conv", "at the end of the input, padding or not, for the height only"),
        ("wrong_shape.py:Conv", "dX would have this shape if the remainder that no window reaches were dropped"),
        ("returns_none.py:Conv", "forward returned NoneType, not a NumPy array"),
        ("kills_process.py:Conv", "the process was killed by SIGSEGV while grad_input was running"),
        ("never_returns_c.py:Conv", "forward did not return within 0.5 s"),
        ("nondeterministic.py:Conv", "the same call again gives"),
    ],
)
def test_the_command_has_a_sentence_for_everything(refconv, planted_folder, planted, words):
    ran = refconv(
        "explain", "b2h5w7i2o3k3x2s3x2p1.2.0.0", "--impl", f"{planted_folder}/{planted}", "--time-limit", "0.5"
    )
    assert words in ran.out
    assert ran.status == int(planted != "right.py:Conv")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["b1h1w1i1o1k2"], "kernel height = 2 must fit"),
        (["b1h1w1i1o1k1", "--impl", "nobody"], "'nobody' is not a registered implementation"),
        (["b1h1w1i1o1k1", "--dtype", "int8"], "is for dtypes float32, float64, not for int8"),
        (["b1h1w1i1o1k1", "--picture", "a.gif"], "must end in .svg or .png"),
    ],
)
def test_the_command_refuses_bad_input_in_words(refconv, arguments, words):
    arguments = arguments if "--impl" in arguments else [*arguments, "--impl", "windows"]
    ran = refconv("explain", *arguments)
    assert ran.status == 2
    assert words in ran.err
