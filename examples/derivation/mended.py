"""The derivation, mended: both gradients as convolutions, for every stride, padding, dilation and number of groups."""

import numpy as np


def conv(x, w, stride=(1, 1), dilation=(1, 1)):
    """Every window that lies inside X: a sum over the taps."""
    (s_h, s_w), (d_h, d_w), (a_h, a_w) = stride, dilation, w.shape[:2]
    rows, columns = x.shape[1] - d_h * (a_h - 1), x.shape[2] - d_w * (a_w - 1)
    return sum(x[:, m * d_h :, n * d_w :][:, :rows:s_h, :columns:s_w] @ w[m, n] for m, n in np.ndindex(a_h, a_w))


def pad(x, top, bottom, left, right):
    """With rows and columns of zeros around X; a negative number crops."""
    x = np.pad(x, [(0, 0), *[(max(a, 0), max(b, 0)) for a, b in ((top, bottom), (left, right))], (0, 0)])
    height, width = x.shape[1:3]
    return x[:, max(-top, 0) : height - max(-bottom, 0), max(-left, 0) : width - max(-right, 0)]


def dilate(gy, stride):
    """G with s - 1 rows and columns of zeros between its own, and none after the last."""
    (s_h, s_w), (b, out_h, out_w, c) = stride, gy.shape
    dilated = np.zeros((b, (out_h - 1) * s_h + 1, (out_w - 1) * s_w + 1, c), gy.dtype)
    dilated[:, ::s_h, ::s_w] = gy
    return dilated


def by_group(operator):
    """Groups are separate problems, whose channels lie side by side."""

    def whole(self, first, second, problem):
        one = problem.replace(c_in=problem.c_in_per_group, c_out=problem.c_out_per_group, groups=1)
        pairs = zip(np.split(first, problem.groups, axis=3), np.split(second, problem.groups, axis=3), strict=True)
        return np.concatenate([operator(self, a, b, one) for a, b in pairs], axis=3)

    return whole


class Conv:
    @by_group
    def forward(self, x, w, problem):
        return conv(pad(x, *problem.padding), w, problem.stride, problem.dilation)

    @by_group
    def grad_input(self, gy, w, problem):
        """conv(dilate(G, s), flip(W), dilation = d), padded by d(a-1) - pad before, and d(a-1) - pad + r after."""
        (top, bottom, left, right), (r_h, r_w) = problem.padding, problem.remainder
        (d_h, d_w), (a_h, a_w) = problem.dilation, problem.kernel
        e_h, e_w = d_h * (a_h - 1), d_w * (a_w - 1)
        padded = pad(dilate(gy, problem.stride), e_h - top, e_h - bottom + r_h, e_w - left, e_w - right + r_w)
        return conv(padded, w[::-1, ::-1].swapaxes(2, 3), dilation=problem.dilation)

    @by_group
    def grad_weight(self, gy, x, problem):
        """conv(X, dilate(G, s), stride = d), images and channels exchanged, cropped to the kernel's size."""
        images, kernel = pad(x, *problem.padding).transpose(3, 1, 2, 0), dilate(gy, problem.stride)
        product = conv(images, kernel.transpose(1, 2, 0, 3), stride=problem.dilation)
        return product[:, : problem.kernel.height, : problem.kernel.width].transpose(1, 2, 0, 3)
