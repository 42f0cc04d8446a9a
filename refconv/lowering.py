"""im2col and col2im: convolution lowered to a matrix product.

im2col writes the receptive field of each output pixel as a row, so that the forward pass is one matrix
product (one per group); col2im is its adjoint, and turns the gradient of those rows into dX. Per group g

    Y  = im2col(X) W        dW = im2col(X)^T G        dX = col2im(G W^T)

with columns ``[groups, b out_h out_w, a_h a_w c_in/g]``, W as ``[a_h a_w c_in/g, c_out/g]``, and G as
``[b out_h out_w, c_out/g]``. Source: Chellapilla, Puri and Simard, *High Performance Convolutional Neural
Networks for Document Processing*, 2006; with stride, padding, dilation and groups as in `refconv.index_sum`.
"""

from __future__ import annotations

import numpy as np

from refconv.operands import Array, accumulator, checked, rounded
from refconv.problem import Problem


def columns_shape(problem: Problem) -> tuple[int, int, int]:
    """Shape of the columns: ``[groups, b out_h out_w, a_h a_w c_in/g]``."""
    pixels = problem.batch * problem.out_height * problem.out_width
    return (problem.groups, pixels, problem.terms("forward"))


def im2col(x: Array, problem: Problem) -> Array:
    """cols[g, (i,j,k), (m,n,p)] = X[i, y(j,m), x(k,n), g c_in/g + p], zero outside the image, in X's dtype.

    x: ``problem.x_shape``. Raises ``ValueError`` for another shape, ``TypeError`` for another kind of value.
    """
    x_ = checked("x", x, problem.x_shape)
    rows, columns, inside = _gather(problem)
    pixels = np.where(inside[..., None], x_[:, rows, columns], np.zeros((), x_.dtype))  # [b, j, k, m, n, q]
    split = pixels.reshape(*pixels.shape[:-1], problem.groups, problem.c_in_per_group)
    return np.ascontiguousarray(np.moveaxis(split, -2, 0)).reshape(columns_shape(problem))


def col2im(cols: Array, problem: Problem) -> Array:
    """The adjoint of `im2col`: each X[i,u,v,q] gets the sum of the column entries that were read from it.

    cols: `columns_shape`; the result: ``problem.x_shape``, in the columns' dtype, summed in int64, float64 or
    Python objects. Raises as `im2col` does.
    """
    cols_ = checked("cols", cols, columns_shape(problem))
    kind = accumulator(cols_)
    field = (problem.batch, problem.out_height, problem.out_width, *problem.kernel)
    pixels = cols_.astype(kind).reshape(problem.groups, *field, problem.c_in_per_group)
    rows, columns, inside = _gather(problem)
    gx = np.zeros(problem.x_shape, kind)
    for image in range(problem.batch):
        entries = np.moveaxis(pixels[:, image], 0, -2).reshape(*field[1:], problem.c_in)[inside]
        np.add.at(gx[image], (rows[inside], columns[inside]), entries)
    return rounded(gx, cols_.dtype)


def forward(x: Array, w: Array, problem: Problem) -> Array:
    """Y = im2col(X) W. Shapes, dtypes and errors as in `refconv.index_sum.forward`."""
    x_, w_ = checked("x", x, problem.x_shape), checked("w", w, problem.w_shape)
    kind = accumulator(x_, w_)
    product = im2col(x_, problem).astype(kind) @ weight_matrices(w_.astype(kind), problem)
    return rounded(from_pixel_matrices(product, problem), x_.dtype)


def grad_weight(gy: Array, x: Array, problem: Problem) -> Array:
    """dW = im2col(X)^T G. Shapes, dtypes and errors as in `refconv.index_sum.grad_weight`."""
    g_, x_ = checked("gy", gy, problem.y_shape), checked("x", x, problem.x_shape)
    kind = accumulator(g_, x_)
    columns = im2col(x_, problem).astype(kind)
    product = columns.transpose(0, 2, 1) @ pixel_matrices(g_.astype(kind), problem)
    return rounded(from_weight_matrices(product, problem), g_.dtype)


def grad_input(gy: Array, w: Array, problem: Problem) -> Array:
    """dX = col2im(G W^T). Shapes, dtypes and errors as in `refconv.index_sum.grad_input`."""
    g_, w_ = checked("gy", gy, problem.y_shape), checked("w", w, problem.w_shape)
    kind = accumulator(g_, w_)
    weights = weight_matrices(w_.astype(kind), problem)
    product = pixel_matrices(g_.astype(kind), problem) @ weights.transpose(0, 2, 1)
    return rounded(col2im(product, problem), g_.dtype)


def weight_matrices(w: Array, problem: Problem) -> Array:
    """W ``[a_h, a_w, c_in/g, c_out]`` as one matrix per group, ``[groups, a_h a_w c_in/g, c_out/g]``."""
    return w.reshape(problem.terms("forward"), problem.groups, problem.c_out_per_group).swapaxes(0, 1)


def from_weight_matrices(matrices: Array, problem: Problem) -> Array:
    """The inverse of `weight_matrices`."""
    return matrices.swapaxes(0, 1).reshape(problem.w_shape)


def pixel_matrices(y: Array, problem: Problem) -> Array:
    """Y or G as one matrix per group, ``[groups, b out_h out_w, c_out/g]``."""
    pixels = problem.batch * problem.out_height * problem.out_width
    return y.reshape(pixels, problem.groups, problem.c_out_per_group).swapaxes(0, 1)


def from_pixel_matrices(matrices: Array, problem: Problem) -> Array:
    """The inverse of `pixel_matrices`."""
    return matrices.swapaxes(0, 1).reshape(problem.y_shape)


def _gather(problem: Problem) -> tuple[Array, Array, Array]:
    """For each [j, k, m, n]: the input row, the input column (0 where outside), and whether both are inside."""
    j, k, m, n = np.ix_(
        range(problem.out_height),
        range(problem.out_width),
        range(problem.kernel.height),
        range(problem.kernel.width),
    )
    u = j * problem.stride.height + m * problem.dilation.height - problem.padding.top + 0 * (k + n)
    v = k * problem.stride.width + n * problem.dilation.width - problem.padding.left + 0 * (j + m)
    inside = (u >= 0) & (u < problem.height) & (v >= 0) & (v < problem.width)
    return np.where(inside, u, 0), np.where(inside, v, 0), inside
