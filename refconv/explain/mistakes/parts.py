"""Mistakes in channels, groups and images: left out, exchanged, read from their neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from refconv.explain.form import axes
from refconv.explain.mistakes.case import Case, Hypothesis
from refconv.explain.mistakes.memory import pixel_map
from refconv.operands import Array, accumulator
from refconv.problem import Problem


def channel_map(sentence: str, change: Callable[[Problem, Array, Array, Array], Array]) -> Hypothesis:
    """Another P(l, p), from l, p and the number of l's group."""

    def result(case: Case) -> Array:
        problem = case.problem
        l, p = np.arange(problem.c_out)[:, None], np.arange(problem.c_in_per_group)
        channels = change(problem, l, p, l // problem.c_out_per_group) + 0 * (l + p)
        known = (channels >= 0) & (channels < problem.c_in)
        return case.apply(replace(case.form, channels=np.where(known, channels, -1)))

    return Hypothesis(sentence, result)


def all_() -> Iterator[Hypothesis]:
    """Those of this theme, in the order in which they are preferred."""
    yield channel_map("the groups are ignored: every output channel reads the first group", lambda problem, l, p, g: p)
    yield channel_map(
        "the groups are interleaved: output channel l belongs to group l mod g",
        lambda problem, l, p, g: l % problem.groups * problem.c_in_per_group + p,
    )
    yield channel_map(
        "the input channels of the groups are interleaved: p g + group for group c_in/g + p",
        lambda problem, l, p, g: p * problem.groups + g,
    )
    yield channel_map(
        "the groups come in reverse order",
        lambda problem, l, p, g: (problem.groups - 1 - g) * problem.c_in_per_group + p,
    )
    yield channel_map(
        "each group reads the input channels of the next one",
        lambda problem, l, p, g: (g + 1) % problem.groups * problem.c_in_per_group + p,
    )
    yield channel_map("the first input channel of a group is its number: g + p", lambda problem, l, p, g: g + p)
    yield channel_map(
        "the groups' input channels are counted in output channels: group c_out/g + p",
        lambda problem, l, p, g: g * problem.c_out_per_group + p,
    )
    yield channel_map("output channel l reads from input channel l on", lambda problem, l, p, g: l + p)
    yield channel_map(
        "the input channels of a group come in reverse order",
        lambda problem, l, p, g: (g + 1) * problem.c_in_per_group - 1 - p,
    )
    yield channel_map(
        "the input channels of a group are shifted by one",
        lambda problem, l, p, g: g * problem.c_in_per_group + (p + 1) % problem.c_in_per_group,
    )
    yield channel_map(
        "the last input channel of each group is left out",
        lambda problem, l, p, g: np.where(p < problem.c_in_per_group - 1, g * problem.c_in_per_group + p, -1),
    )
    yield channel_map(
        "the first input channel of each group is left out",
        lambda problem, l, p, g: np.where(p > 0, g * problem.c_in_per_group + p, -1),
    )
    yield channel_map(
        "the last output channel is left out",
        lambda problem, l, p, g: np.where(l < problem.c_out - 1, g * problem.c_in_per_group + p, -1),
    )
    yield channel_map(
        "all output channels but the first are left out",
        lambda problem, l, p, g: np.where(l < 1, g * problem.c_in_per_group + p, -1),
    )
    yield channel_map("all groups but the first are left out", lambda problem, l, p, g: np.where(g < 1, p, -1))
    yield Hypothesis("the output channels come in reverse order", lambda case: case.over("Y", lambda y: y[..., ::-1]))
    yield Hypothesis(
        "the output channels of the groups are interleaved",
        lambda case: case.over("Y", lambda y: _interleaved(y, case.problem.groups)),
    )
    yield Hypothesis(
        "the output channels of the groups are interleaved in W",
        lambda case: case.over("W", lambda w: _interleaved(w, case.problem.groups)),
    )
    yield Hypothesis(
        "the output channels of the groups are interleaved in W, the other way round",
        lambda case: case.over("W", lambda w: _interleaved(w, case.problem.c_out_per_group)),
    )
    yield Hypothesis(
        "every group has the weights of the first one",
        lambda case: case.over("W", lambda w: w[..., np.arange(case.problem.c_out) % case.problem.c_out_per_group]),
    )
    yield Hypothesis("the quotients (u + top - m d)/s are rounded down where they should be whole", _rounded_quotients)
    yield from _images()
    yield Hypothesis(
        "the last tap of the kernel is left out",
        lambda case: case.apply(case.form.without(_place(case, (None, None, None, -1, -1)))),
    )
    yield Hypothesis(
        "the last pixel of the output is left out",
        lambda case: case.apply(case.form.without(_place(case, (None, -1, -1, None, None)))),
    )
    yield Hypothesis(
        "only the centre of the kernel is used",
        lambda case: case.apply(
            case.form.without(~_place(case, (None, None, None, *((a - 1) // 2 for a in case.problem.kernel))))
        ),
    )


def _rounded_quotients(case: Case) -> Array | None:
    """dX gathered from G: every pixel gets a term from every tap."""
    if case.operator != "grad_input":
        return None
    maps, insides = [], []
    for axis in axes(case.problem):
        u, m = np.arange(axis.size)[:, None], np.arange(axis.taps)
        j = (u + axis.before - m * axis.dilation) // axis.stride
        insides.append((j >= 0) & (j < axis.out))
        maps.append(np.clip(j, 0, axis.out - 1))
    (j, k), (rows, columns) = maps, insides
    kind = accumulator(case.first, case.second)
    gathered = case.first.astype(kind)[:, j][:, :, :, k]  # [b, u, m, v, n, l]
    inside = rows[:, :, None, None] & columns
    gathered = np.where(inside[None, ..., None], gathered, np.zeros((), kind))
    dense = case.form.dense(case.second.astype(kind), case.problem)
    return np.tensordot(gathered, dense, axes=((2, 4, 5), (0, 1, 3))).astype(case.first.dtype)


def _interleaved(y: Array, groups: int) -> Array:
    return y.reshape(*y.shape[:-1], groups, -1).swapaxes(-1, -2).reshape(y.shape)


def _place(case: Case, where: tuple[int | None, ...]) -> Array:
    """True at these places [b, j, k, m, n] of the map of pixels; None is everywhere."""
    mask = np.zeros(case.form.pixels.shape, bool)
    mask[tuple(slice(None) if at is None else at for at in where)] = True
    return mask


def _images() -> Iterator[Hypothesis]:
    def order(change: Callable[[Array], Array]) -> Callable[[Case], Array]:
        """X of other images."""

        def pixels(case: Case) -> Array:
            size = case.problem.height * case.problem.width
            shift = (change(np.arange(case.problem.batch)) - np.arange(case.problem.batch)) * size
            old = case.form.pixels
            return np.where(old >= 0, old + shift.reshape(-1, 1, 1, 1, 1), -1)

        return pixels

    yield pixel_map("the images of the batch come in reverse order", order(lambda i: i[::-1]))
    yield pixel_map("every image is taken for the first one", order(lambda i: i * 0))
    yield pixel_map("every image is taken for the last one", order(lambda i: i * 0 + i.size - 1))
    yield pixel_map("each image is taken for the next one", order(lambda i: np.roll(i, -1)))
    yield pixel_map("each image is taken for the one before", order(lambda i: np.roll(i, 1)))
    for sentence, where in (
        ("the last image of the batch is left out", slice(-1, None)),
        ("the first image of the batch is left out", slice(0, 1)),
        ("all images but the first are left out", slice(1, None)),
        ("all images but the last are left out", slice(None, -1)),
    ):
        yield Hypothesis(sentence, partial(_without_images, where))


def _without_images(where: slice, case: Case) -> Array:
    mask = np.zeros(case.form.pixels.shape, bool)
    mask[where] = True
    return case.apply(case.form.without(mask))
