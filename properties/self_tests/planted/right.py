"""Right, and written independently: one einsum a tap, on the view of the padded input that the tap reads."""

import numpy as np


class Conv:
    """All three operators, in the operands' dtype throughout."""

    def padded(self, x, problem):
        top, bottom, left, right = problem.padding
        return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))

    def forward(self, x, w, problem):
        y = np.zeros(problem.y_shape, x.dtype)
        for (m, n), pixels in taps(self.padded(x, problem), problem):
            y += np.einsum("ijkgp,pgl->ijkgl", pixels, by_group(w[m, n], problem)).reshape(y.shape)
        return y

    def grad_input(self, gy, w, problem):
        padded = np.zeros((problem.batch, *problem.padded, problem.c_in), gy.dtype)
        for (m, n), pixels in taps(padded, problem):
            pixels += np.einsum("ijkgl,pgl->ijkgp", by_group(gy, problem), by_group(w[m, n], problem))
        top, _, left, _ = problem.padding
        return padded[:, top : top + problem.height, left : left + problem.width].copy()

    def grad_weight(self, gy, x, problem):
        gw = np.empty(problem.w_shape, gy.dtype)
        for (m, n), pixels in taps(self.padded(x, problem), problem):
            gw[m, n] = np.einsum("ijkgp,ijkgl->pgl", pixels, by_group(gy, problem)).reshape(gw.shape[2:])
        return gw


def taps(padded, problem):
    """Each tap, and the view [b, out_h, out_w, groups, c_in/g] of what it reads."""
    (s_h, s_w), (d_h, d_w) = problem.stride, problem.dilation
    padded = by_group(padded, problem)
    for m, n in np.ndindex(*problem.kernel):
        yield (m, n), padded[:, m * d_h :: s_h, n * d_w :: s_w][:, : problem.out_height, : problem.out_width]


def by_group(values, problem):
    """The last axis split by group, as a view."""
    return values.reshape(*values.shape[:-1], problem.groups, values.shape[-1] // problem.groups)
