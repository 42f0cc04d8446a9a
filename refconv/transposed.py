"""The gradients as convolutions: dilate, flip, permute, pad, crop. The derivation's central result.

For one axis, with r = (h + pads - d (a - 1) - 1) mod s the rows behind the last window:

    dW = permute(conv(permute(X), permute(dilate(G, s)), stride=d, padding=pads))[:a]
    dX = conv(dilate(G, s), permute(flip(W)), dilation=d,
              padding before = d (a - 1) - pad before, after = d (a - 1) - pad after + r)

A negative padding crops. Both hold for every geometry, which the derivation as first printed does not:
``docs/derivation.md`` lists the errata. Groups are separate problems. The convolution itself is an
argument, so the identity can be asked of any implementation's forward pass.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refconv import windows
from refconv.operands import Array, checked
from refconv.problem import Problem

Convolution = Callable[[Array, Array, Problem], Array]


def grad_weight(gy: Array, x: Array, problem: Problem, *, conv: Convolution = windows.forward) -> Array:
    """dW as a convolution of X by dilate(G), channels and batch exchanged. As `refconv.index_sum.grad_weight`.

    ``conv(x, w, problem)`` is the forward pass to use. Batch 0 has nothing to convolve: zeros.
    """
    g_, x_ = checked("gy", gy, problem.y_shape), checked("x", x, problem.x_shape)
    gw = np.zeros(problem.w_shape, g_.dtype)
    if problem.batch == 0:
        return gw
    a_h, a_w = problem.kernel
    inner = weight_problem(problem)
    for group in range(problem.groups):
        inputs, outputs = _channels(problem, group)
        images = x_[..., inputs].transpose(3, 1, 2, 0)  # [c_in, h, w, b]: channels become images
        kernel = dilate(g_[..., outputs], problem).transpose(1, 2, 0, 3)  # [., ., b, c_out]
        product = conv(images, kernel, inner)  # [c_in, >= a_h, >= a_w, c_out]
        gw[..., outputs] = product[:, :a_h, :a_w].transpose(1, 2, 0, 3)
    return gw


def grad_input(gy: Array, w: Array, problem: Problem, *, conv: Convolution = windows.forward) -> Array:
    """dX as a full convolution of dilate(G) by the flipped W. As `refconv.index_sum.grad_input`.

    ``conv(x, w, problem)`` is the forward pass to use. Batch 0 has nothing to convolve: an empty array.
    """
    g_, w_ = checked("gy", gy, problem.y_shape), checked("w", w, problem.w_shape)
    gx = np.zeros(problem.x_shape, g_.dtype)
    if problem.batch == 0:
        return gx
    sides = input_padding(problem)
    for group in range(problem.groups):
        inputs, outputs = _channels(problem, group)
        images = pad_or_crop(dilate(g_[..., outputs], problem), sides)
        kernel = flip(w_[..., outputs]).swapaxes(2, 3)  # [a_h, a_w, c_out, c_in]
        inner = Problem(
            batch=problem.batch,
            height=images.shape[1],
            width=images.shape[2],
            c_in=problem.c_out_per_group,
            c_out=problem.c_in_per_group,
            kernel=problem.kernel,
            dilation=problem.dilation,
        )
        gx[..., inputs] = conv(images, kernel, inner)
    return gx


def dilate(gy: Array, problem: Problem) -> Array:
    """G with s - 1 rows and columns of zeros between its own: ``[b, (out_h-1) s_h + 1, (out_w-1) s_w + 1, .]``."""
    (s_h, s_w), (b, out_h, out_w, c) = problem.stride, gy.shape
    spread = np.zeros((b, (out_h - 1) * s_h + 1, (out_w - 1) * s_w + 1, c), gy.dtype)
    spread[:, ::s_h, ::s_w] = gy
    return spread


def flip(w: Array) -> Array:
    """W turned by half a turn: both kernel axes reversed."""
    return w[::-1, ::-1]


def pad_or_crop(x: Array, sides: tuple[int, int, int, int]) -> Array:
    """X with rows and columns of zeros added, or taken away where a side (top, bottom, left, right) is negative."""
    top, bottom, left, right = (max(side, 0) for side in sides)
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    top, bottom, left, right = (max(-side, 0) for side in sides)
    height, width = padded.shape[1:3]
    return padded[:, top : height - bottom, left : width - right]


def weight_problem(problem: Problem) -> Problem:
    """The convolution that gives one group's dW, before it is cropped to the kernel's size."""
    return Problem(
        batch=problem.c_in_per_group,
        height=problem.height,
        width=problem.width,
        c_in=problem.batch,
        c_out=problem.c_out_per_group,
        kernel=(
            (problem.out_height - 1) * problem.stride.height + 1,
            (problem.out_width - 1) * problem.stride.width + 1,
        ),
        stride=problem.dilation,
        padding=problem.padding,
    )


def input_padding(problem: Problem) -> tuple[int, int, int, int]:
    """What dilate(G) needs on its top, bottom, left and right before the full convolution; negative crops."""
    spread_h, spread_w = problem.kernel_extent.height - 1, problem.kernel_extent.width - 1
    r_h, r_w = problem.remainder
    top, bottom, left, right = problem.padding
    return (spread_h - top, spread_h - bottom + r_h, spread_w - left, spread_w - right + r_w)


def _channels(problem: Problem, group: int) -> tuple[slice, slice]:
    p, l = problem.c_in_per_group, problem.c_out_per_group
    return slice(group * p, (group + 1) * p), slice(group * l, (group + 1) * l)
