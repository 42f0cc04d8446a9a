"""The three operators as literal index sums: the reference that everything else is judged by.

Loops over Python scalars, one loop per index of the formula, nothing clever. Python ints are
unbounded, so integer operands give the exact sum; floats are Python floats, so they accumulate in
float64 whatever the operands' dtype, and the result is rounded once to it. (NumPy scalars would not
do: ``0.0 + np.float32(x)`` is a float32.) Object arrays of Python ints or Fractions stay exact.

With y(j, m) = j s_h + m d_h - top, x(k, n) = k s_w + n d_w - left, and P(l, p) the input channel that
tap channel p of output channel l reads in its group:

    Y [i,j,k,l] = sum_{m,n,p}  X[i, y(j,m), x(k,n), P(l,p)] W[m,n,p,l]
    dW[m,n,p,l] = sum_{i,j,k}  X[i, y(j,m), x(k,n), P(l,p)] G[i,j,k,l]
    dX[i,u,v,q] = sum_{m,n,l}  G[i, (u + top - m d_h)/s_h, (v + left - n d_w)/s_w, l] W[m,n,p(q),l]

where X is zero outside the image, and dX sums over those (m, n) for which both quotients are whole and
inside G, and over the output channels l of q's group. Source: the chain rule applied to the first
line; ``docs/derivation.md`` takes it step by step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from refconv.operands import Array, checked
from refconv.problem import Problem


def forward(x: Array, w: Array, problem: Problem) -> Array:
    """Y, shape ``problem.y_shape``, in X's dtype.

    x: ``problem.x_shape``; w: ``problem.w_shape``. Raises ``ValueError`` for another shape, ``TypeError``
    for values that are not real numbers, ``OverflowError`` where a sum does not fit an integer dtype.
    """
    x_, w_ = checked("x", x, problem.x_shape), checked("w", w, problem.w_shape)
    X, W, P = x_.tolist(), w_.tolist(), input_channels(problem)
    (s_h, s_w), (d_h, d_w), (a_h, a_w) = problem.stride, problem.dilation, problem.kernel
    top, _, left, _ = problem.padding
    y = np.empty(problem.y_shape, x_.dtype)
    for i in range(problem.batch):
        for j in range(problem.out_height):
            for k in range(problem.out_width):
                for l in range(problem.c_out):
                    total: Any = 0
                    for m in range(a_h):
                        for n in range(a_w):
                            u = j * s_h + m * d_h - top
                            v = k * s_w + n * d_w - left
                            if 0 <= u < problem.height and 0 <= v < problem.width:
                                for p in range(problem.c_in_per_group):
                                    total += X[i][u][v][P[l][p]] * W[m][n][p][l]
                    y[i, j, k, l] = total
    return y


def grad_weight(gy: Array, x: Array, problem: Problem) -> Array:
    """dW, shape ``problem.w_shape``, in G's dtype: the gradient of <Y, G> by W.

    gy: ``problem.y_shape``; x: ``problem.x_shape``. Raises as `forward` does. Batch 0 gives zeros.
    """
    g_, x_ = checked("gy", gy, problem.y_shape), checked("x", x, problem.x_shape)
    G, X, P = g_.tolist(), x_.tolist(), input_channels(problem)
    (s_h, s_w), (d_h, d_w), (a_h, a_w) = problem.stride, problem.dilation, problem.kernel
    top, _, left, _ = problem.padding
    gw = np.empty(problem.w_shape, g_.dtype)
    for m in range(a_h):
        for n in range(a_w):
            for p in range(problem.c_in_per_group):
                for l in range(problem.c_out):
                    total: Any = 0
                    for i in range(problem.batch):
                        for j in range(problem.out_height):
                            for k in range(problem.out_width):
                                u = j * s_h + m * d_h - top
                                v = k * s_w + n * d_w - left
                                if 0 <= u < problem.height and 0 <= v < problem.width:
                                    total += X[i][u][v][P[l][p]] * G[i][j][k][l]
                    gw[m, n, p, l] = total
    return gw


def grad_input(gy: Array, w: Array, problem: Problem) -> Array:
    """dX, shape ``problem.x_shape``, in G's dtype: the gradient of <Y, G> by X.

    gy: ``problem.y_shape``; w: ``problem.w_shape``. Raises as `forward` does. Pixels that no window
    reaches get 0.
    """
    g_, w_ = checked("gy", gy, problem.y_shape), checked("w", w, problem.w_shape)
    G, W = g_.tolist(), w_.tolist()
    (s_h, s_w), (d_h, d_w), (a_h, a_w) = problem.stride, problem.dilation, problem.kernel
    top, _, left, _ = problem.padding
    height, width = problem.out_height, problem.out_width
    gx = np.empty(problem.x_shape, g_.dtype)
    for i in range(problem.batch):
        for u in range(problem.height):
            for v in range(problem.width):
                for q in range(problem.c_in):
                    total: Any = 0
                    for m in range(a_h):
                        for n in range(a_w):
                            j, j_left = divmod(u + top - m * d_h, s_h)
                            k, k_left = divmod(v + left - n * d_w, s_w)
                            whole = j_left == 0 and k_left == 0
                            if whole and 0 <= j < height and 0 <= k < width:
                                for l in output_channels(problem, q):
                                    total += G[i][j][k][l] * W[m][n][q % problem.c_in_per_group][l]
                    gx[i, u, v, q] = total
    return gx


def input_channels(problem: Problem) -> list[range]:
    """P(l, p) as P[l][p]: the input channel that tap channel p of output channel l reads, in l's group."""
    groups = [l // problem.c_out_per_group for l in range(problem.c_out)]
    return [range(group * problem.c_in_per_group, (group + 1) * problem.c_in_per_group) for group in groups]


def output_channels(problem: Problem, q: int) -> range:
    """The output channels that read input channel ``q``: those of its group."""
    group = q // problem.c_in_per_group
    return range(group * problem.c_out_per_group, (group + 1) * problem.c_out_per_group)
