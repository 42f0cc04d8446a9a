"""The errata of the derivation: Hypothesis refutes each statement as printed; mended, it holds on every problem.

A statement and its mended form are one function that takes the slip as an argument, so that nothing but the slip
can refute it. Where the text has no padding yet, h is read as the padded height, which is how it goes on itself.
The page with these errata, ``docs/derivation.md``, is checked here too: its table, its names and its examples.
"""

import doctest
import importlib
import math
import re
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from refconv import exact, index_sum, transposed, windows
from refconv.problem import Problem
from refconv_properties.laws import catalogue
from refconv_properties.strategies import problems, seeds

PAGE = Path(__file__).resolve().parents[2] / "docs" / "derivation.md"
SEARCH = settings(derandomize=True, database=None, deadline=None, max_examples=1000)


# -- the statements: (problem, operands) -> what the derivation says an array is -------------------------------


def by_group(statement):
    """Groups are separate problems: ``statement`` for each, put together along the last axis (channels)."""

    def whole(problem, o, **slip):
        one = problem.replace(c_in=problem.c_in_per_group, c_out=problem.c_out_per_group, groups=1)
        inputs, outputs = np.split(o.x, problem.groups, axis=3), np.split(o.gy, problem.groups, axis=3)
        weights = np.split(o.w, problem.groups, axis=3)
        parts = (exact.Operands(x, w, gy, o.magnitude) for x, w, gy in zip(inputs, weights, outputs, strict=True))
        return np.concatenate([statement(one, part, **slip) for part in parts], axis=-1)

    return whole


@by_group
def dw_sum(problem, o, *, images, last):
    """dW as a sum over the images, and over the output rows and columns up to ``last``, inclusive."""
    X, G = windows.pad(o.x, problem).tolist(), o.gy.tolist()
    (s_h, s_w), (d_h, d_w) = problem.stride, problem.dilation
    gw = np.zeros(problem.w_shape)
    for m, n, p, l in np.ndindex(gw.shape):
        rows, columns = range(last(problem, 0, m) + 1), range(last(problem, 1, n) + 1)
        gw[m, n, p, l] = sum(
            X[i][j * s_h + m * d_h][k * s_w + n * d_w][p] * G[i][j][k][l]
            for i, j, k in product(images(problem), rows, columns)
        )
    return gw


@by_group
def dx_sum(problem, o, *, channels):
    """dX as a sum over the taps whose two quotients are whole and inside G, and over the output channels."""
    G, W = o.gy.tolist(), o.w.tolist()
    (s_h, s_w), (d_h, d_w), (top, _, left, _) = problem.stride, problem.dilation, problem.padding
    gx = np.zeros(problem.x_shape)
    for i, u, v, q in np.ndindex(gx.shape):
        for m, n in product(*map(range, problem.kernel)):
            j, k = Fraction(u + top - m * d_h, s_h), Fraction(v + left - n * d_w, s_w)
            if j in range(problem.out_height) and k in range(problem.out_width):
                gx[i, u, v, q] += sum(G[i][int(j)][int(k)][l] * W[m][n][q][l] for l in channels(problem))
    return gx


@by_group
def y_product(problem, o, *, over):
    """Y for all free indices of X[i, j s + m d, k s + n d, p] W[m,n,p,l], summed over the letters in ``over``."""
    (s_h, s_w), (d_h, d_w) = problem.stride, problem.dilation
    j, k, m, n = np.ix_(*map(range, (problem.out_height, problem.out_width, *problem.kernel)))
    pixels = windows.pad(o.x, problem)[:, j * s_h + m * d_h, k * s_w + n * d_w]
    terms = pixels[..., None] * o.w  # [i, j, k, m, n, p, l]
    total = terms.sum(axis=tuple("ijkmnpl".index(letter) for letter in over), keepdims=True)
    return np.broadcast_to(total, terms.shape)


@by_group
def dw_conv(problem, o, *, dilate=transposed.dilate, padding=lambda p: p.padding, crop=True):
    """dW as a convolution of X by dilate(G), with batch and channels exchanged."""
    kernel = dilate(o.gy, problem).transpose(1, 2, 0, 3)
    gw = conv(o.x.transpose(3, 1, 2, 0), kernel, stride=problem.dilation, padding=padding(problem))
    gw = gw.transpose(1, 2, 0, 3)
    return gw[: problem.kernel.height, : problem.kernel.width] if crop else gw


@by_group
def dx_conv(problem, o, *, remainder=lambda p: p.remainder, crop=True):
    """dX as a full convolution of dilate(G) by the flipped W."""
    (e_h, e_w), (r_h, r_w), (top, bottom, left, right) = problem.kernel_extent, remainder(problem), problem.padding
    sides = (e_h - 1 - top, e_h - 1 - bottom + r_h, e_w - 1 - left, e_w - 1 - right + r_w)
    images, kernel = transposed.dilate(o.gy, problem), transposed.flip(o.w).swapaxes(2, 3)
    if crop:
        images, sides = transposed.pad_or_crop(images, sides), (0, 0, 0, 0)
    return conv(images, kernel, dilation=problem.dilation, padding=sides)


def conv(x, w, **geometry):
    """The forward pass, its problem read off the shapes. `Problem` refuses what is impossible."""
    if x.shape[3] == 0:  # batch 0 as channels: a sum of no terms, like that over one channel of zeros
        x, w = np.zeros((*x.shape[:3], 1)), np.zeros((*w.shape[:2], 1, w.shape[3]))
    (batch, height, width, c_in), kernel, c_out = x.shape, w.shape[:2], w.shape[3]
    sizes = {"batch": batch, "height": height, "width": width, "c_in": c_in, "c_out": c_out, "kernel": kernel}
    return index_sum.forward(x, w, Problem(**sizes, **geometry))


def output_size(problem, o, *, taps, divide):
    """The two sizes of Y from the padded input's, the kernel's and the stride."""
    sizes = zip(problem.padded, taps(problem), problem.stride, strict=True)
    return np.array([divide(h - k, s) + 1 for h, k, s in sizes], object)


# What is put into them, as printed and mended.


def last_as_printed(problem, axis, tap):
    return math.floor(Fraction(problem.padded[axis] - tap, problem.stride[axis]) - 1)


def last_mended(problem, axis, tap):
    return (problem.out_height, problem.out_width)[axis] - 1


def all_images(problem):
    return range(problem.batch)


def dilate_as_drawn(gy, problem):
    """Zeros after *every* row and column, the last one too: the derivation's picture makes 2x2 into 4x4."""
    (s_h, s_w), (b, out_h, out_w, c) = problem.stride, gy.shape
    drawn = np.zeros((b, out_h * s_h, out_w * s_w, c))
    drawn[:, ::s_h, ::s_w] = gy
    return drawn


# -- the errata ------------------------------------------------------------------------------------------------


def true_y(problem, o):
    return index_sum.forward(o.x, o.w, problem)


def true_dw(problem, o):
    return index_sum.grad_weight(o.gy, o.x, problem)


def true_dx(problem, o):
    return index_sum.grad_input(o.gy, o.w, problem)


def true_y_per_term(problem, o):
    y = true_y(problem, o)[:, :, :, None, None, None]
    return np.broadcast_to(y, (*y.shape[:3], *problem.w_shape))


def true_size(problem, o):
    return np.array(true_y(problem, o).shape[1:3], object)


class Erratum(NamedTuple):
    """``refuted_by``: the smallest problem, and how it shows. ``among``: where no other slip of the text speaks."""

    printed: Callable
    mended: Callable
    true: Callable
    refuted_by: str
    how: str
    among: Callable = lambda problem: True


ERRATA = {
    "batch bound": Erratum(
        partial(dw_sum, images=lambda p: range(p.batch - 1), last=last_mended),
        partial(dw_sum, images=all_images, last=last_mended),
        true_dw, "b1h1w1i1o1k1", "wrong value",
    ),
    "last row of dW": Erratum(
        partial(dw_sum, images=all_images, last=last_as_printed),
        partial(dw_sum, images=all_images, last=last_mended),
        true_dw, "b1h1w1i1o1k1s2", "wrong value",
    ),
    "dW padding": Erratum(
        partial(dw_conv, padding=lambda p: tuple(2 * side for side in p.padding), crop=False),
        dw_conv,
        true_dw, "b1h1w1i1o1k1p1", "shape (3, 3, 1, 1) for (1, 1, 1, 1)",
        among=lambda problem: problem.remainder == (0, 0),  # where the missing crop does not matter
    ),
    "dW remainder": Erratum(
        partial(dw_conv, crop=False),
        dw_conv,
        true_dw, "b1h1w2i1o1k1s2", "shape (1, 2, 1, 1) for (1, 1, 1, 1)",
    ),
    "dX remainder": Erratum(
        partial(dx_conv, remainder=lambda p: (0, 0)),
        dx_conv,
        true_dx, "b1h1w2i1o1k1s2", "shape (1, 1, 1, 1) for (1, 1, 2, 1)",
    ),
    "dX negative padding": Erratum(
        partial(dx_conv, crop=False),
        dx_conv,
        true_dx, "b1h1w1i1o1k1p1", "refused",
    ),
    "dX product": Erratum(
        partial(y_product, over="l"),
        partial(y_product, over="mnp"),
        true_y_per_term, "b1h1w1i1o2k1", "wrong value",
    ),
    "dX channels": Erratum(
        partial(dx_sum, channels=lambda p: range(p.c_out + 1)),
        partial(dx_sum, channels=lambda p: range(p.c_out)),
        true_dx, "b1h1w1i1o1k1", "IndexError",
    ),
    "output size": Erratum(
        partial(output_size, taps=lambda p: p.kernel, divide=Fraction),
        partial(output_size, taps=lambda p: p.kernel_extent, divide=int.__floordiv__),
        true_size, "b1h1w2i1o1k1s2", "wrong value",
    ),
    "dilation": Erratum(
        partial(dw_conv, dilate=dilate_as_drawn),
        dw_conv,
        true_dw, "b1h1w1i1o1k1s2", "refused",
    ),
}  # fmt: skip
every_erratum = pytest.mark.parametrize("erratum", ERRATA.values(), ids=ERRATA)


def refutation(statement, true, problem, seed=0):
    """How ``statement`` is wrong on ``problem``; empty where it holds, element by element."""
    o = exact.operands(problem, seed)
    expected = true(problem, o)
    try:
        said = statement(problem, o)
    except IndexError:
        return "IndexError"
    except ValueError:
        return "refused"
    if said.shape != expected.shape:
        return f"shape {said.shape} for {expected.shape}"
    return "" if np.array_equal(said, expected) else "wrong value"


# -- refuted, and mended ---------------------------------------------------------------------------------------


@st.composite
def derivation_problems(draw):
    """The derivation's own case: a square kernel, one stride, one padding, dense, ungrouped."""
    geometry = {name: draw(st.integers(1, 3)) for name in ("kernel", "stride", "c_in", "c_out", "batch")}
    geometry["padding"] = draw(st.integers(0, 4))
    least = max(1, geometry["kernel"] - 2 * geometry["padding"])
    height, width = draw(st.integers(least, least + 4)), draw(st.integers(least, least + 4))
    return Problem(height=height, width=width, **geometry)


def numbers(problem):
    """The eight numbers of a problem of the derivation's case; the smaller problem is that with the smaller sum."""
    kernel, stride, padding = problem.kernel.height, problem.stride.height, problem.padding.top
    return (problem.batch, problem.height, problem.width, problem.c_in, problem.c_out, kernel, stride, padding)


def smaller(problem):
    """Every problem of the derivation's case whose numbers have a smaller sum."""
    beyond_ones = sum(numbers(problem)) - 7  # all but the padding are at least 1
    for more in product(range(beyond_ones), repeat=8):
        b, h, w, i, o, k, s, p = *(1 + number for number in more[:7]), more[7]
        if sum(more) < beyond_ones and k <= 2 * p + min(h, w):
            yield Problem(batch=b, height=h, width=w, c_in=i, c_out=o, kernel=k, stride=s, padding=p)


@every_erratum
def test_printed(erratum):
    def how(problem):
        return refutation(erratum.printed, erratum.true, problem) if erratum.among(problem) else ""

    # One kind of failure at a time: the last row of dW is too early in some problems, too late in others.
    kind = erratum.how.split()[0]
    found = find(derivation_problems(), lambda problem: how(problem).startswith(kind), settings=SEARCH)
    assert str(found) == erratum.refuted_by
    assert how(found) == erratum.how
    assert [str(problem) for problem in smaller(found) if how(problem)] == []
    # It is the slip that is refuted: mended, the same function holds there.
    assert refutation(erratum.mended, erratum.true, found) == ""


@every_erratum
@settings(deadline=None, max_examples=60)
@given(problem=problems(max_multiplications=512), seed=seeds())
def test_mended(erratum, problem, seed):
    assert refutation(erratum.mended, erratum.true, problem, seed) == ""


def test_the_last_row_of_dw_is_wrong_in_every_other_case():
    short = past = total = 0
    for h, a, s in product(range(1, 12), range(1, 6), range(1, 5)):
        if a > h:
            continue
        problem = Problem(batch=1, height=h, width=h, c_in=1, c_out=1, kernel=a, stride=s)
        for m in range(a):
            total += 1
            short += last_as_printed(problem, 0, m) < last_mended(problem, 0, m)
            past += last_as_printed(problem, 0, m) > last_mended(problem, 0, m)
    assert (total, short, past) == (500, 131, 122)
    counts = f"wrong in {short + past} of the {total}: it stops short in {short} and runs past the end of G in {past}."
    assert counts in " ".join(page().split())


@settings(deadline=None)
@given(problem=problems())
def test_the_output_size_counts_the_windows(problem):
    # `true_size` is the index sum's, which asks Problem; this does not.
    for out, h, e, s in zip(problem.y_shape[1:3], problem.padded, problem.kernel_extent, problem.stride, strict=True):
        assert out == sum(first + e <= h for first in range(0, h, s))


# -- the page --------------------------------------------------------------------------------------------------


def page():
    return PAGE.read_text(encoding="utf-8")


def errata_table():
    """The rows of the page's errata table, as lists of cells."""
    section = page().partition("\n## Errata\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)
    return [row.split(" | ") for row in rows[1:]]  # the first is the heading


def resolves(name):
    """Whether a dotted name can be imported."""
    parts = name.split(".")
    for split in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[split:]:
            found = getattr(found, attribute, None)
        return found is not None
    return False


def test_the_page_lists_the_errata_as_they_were_found():
    expected = [(name, f"`{e.refuted_by}`: {e.how}", f"`test_printed[{name}]`") for name, e in ERRATA.items()]
    assert [(row[0], row[2].partition(";")[0], row[4]) for row in errata_table()] == expected
    assert [row for row in errata_table() if len(row) != 5 or not all(row)] == []


def test_the_names_on_the_page_resolve():
    names = re.findall(r"`(refconv\w*(?:\.\w+)+)", page())
    assert len(set(names)) > 20
    assert [name for name in names if not resolves(name)] == []
    assert not resolves("refconv.index_sum.backward")
    assert not resolves("refconv.index_product")


def test_the_laws_on_the_page_exist():
    names = re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^- Law: .*$", page(), re.MULTILINE)))
    assert len(set(names)) > 10
    assert set(names) <= set(catalogue())


def test_every_formula_has_its_function_and_its_law():
    followed = re.findall(r"^- (Function|Law): ", page(), re.MULTILINE)
    assert followed == ["Function", "Law"] * (len(followed) // 2)


def test_the_examples_on_the_page_run():
    failed, attempted = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert failed == 0
    assert attempted > 20
