"""The gradient by X as the derivation that refconv implements first printed it.

It is right whenever the windows end exactly where the padded input does. Ask refconv whether that is enough:

    refconv check --impl examples/as_printed.py:conv
"""

import numpy as np


class Conv:
    def forward(self, x, w, problem):
        (s_h, s_w), (a_h, a_w), (top, bottom, left, right) = problem.stride, problem.kernel, problem.padding
        x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
        y = np.zeros(problem.y_shape, x.dtype)
        for j in range(problem.out_height):
            for k in range(problem.out_width):
                window = x[:, j * s_h : j * s_h + a_h, k * s_w : k * s_w + a_w]
                y[:, j, k] = np.tensordot(window, w, axes=3)
        return y

    def grad_input(self, gy, w, problem):
        """conv(dilate(G, s), flip(W), padding = a - 1 - p)."""
        (s_h, s_w), (a_h, a_w), (top, _, left, _) = problem.stride, problem.kernel, problem.padding
        dilated = np.zeros(
            (problem.batch, (problem.out_height - 1) * s_h + 1, (problem.out_width - 1) * s_w + 1, problem.c_out),
            gy.dtype,
        )
        dilated[:, ::s_h, ::s_w] = gy
        full = problem.replace(
            height=dilated.shape[1],
            width=dilated.shape[2],
            c_in=problem.c_out,
            c_out=problem.c_in,
            stride=1,
            padding=(a_h - 1 - top, a_w - 1 - left),
        )
        return self.forward(dilated, w[::-1, ::-1].swapaxes(2, 3), full)

    def supports(self, problem):
        """The derivation's own case, and no padding beyond the kernel."""
        top, bottom, left, right = problem.padding
        if problem.groups > 1 or max(problem.dilation) > 1:
            return "one group and a dense kernel only"
        if top != bottom or left != right or top >= problem.kernel.height or left >= problem.kernel.width:
            return "the same padding on opposite sides, less than the kernel, only"
        return True


conv = Conv()
