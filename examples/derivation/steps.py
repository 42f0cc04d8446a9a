"""The derivation as printed, mended one slip after another; each class is the one before it, with one more change."""

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))
import as_printed


def dilate(gy, problem):
    (s_h, s_w), (b, out_h, out_w, c) = problem.stride, gy.shape
    dilated = np.zeros((b, (out_h - 1) * s_h + 1, (out_w - 1) * s_w + 1, c), gy.dtype)
    dilated[:, ::s_h, ::s_w] = gy
    return dilated


class Remainder(as_printed.Conv):
    """dX gets the r rows and columns behind the last window."""

    def grad_input(self, gy, w, problem):
        (a_h, a_w), (r_h, r_w), (top, _, left, _) = problem.kernel, problem.remainder, problem.padding
        dilated = dilate(gy, problem)
        sides = (a_h - 1 - top, a_h - 1 - top + r_h, a_w - 1 - left, a_w - 1 - left + r_w)
        full = problem.replace(
            height=dilated.shape[1],
            width=dilated.shape[2],
            c_in=problem.c_out,
            c_out=problem.c_in,
            stride=1,
            padding=sides,
        )
        return self.forward(dilated, w[::-1, ::-1].swapaxes(2, 3), full)


class Weight(Remainder):
    """dW as printed, where there is no remainder."""

    times = 2

    def grad_weight(self, gy, x, problem):
        """permute(conv(permute(X), permute(dilate(G, s)), padding = 2 padding))."""
        dilated = dilate(gy, problem)
        inner = problem.replace(
            batch=problem.c_in,
            c_in=problem.batch,
            kernel=dilated.shape[1:3],
            stride=1,
            padding=[self.times * side for side in problem.padding],
        )
        return self.forward(x.transpose(3, 1, 2, 0), dilated.transpose(1, 2, 0, 3), inner).transpose(1, 2, 0, 3)

    def supports(self, problem):
        if max(problem.remainder) > 0:
            return "no remainder, for the moment"
        return super().supports(problem) if problem.batch else "at least one image"


class WeightPadding(Weight):
    """The padding of dW is that of the forward pass, and remainders are let in again."""

    times = 1

    def supports(self, problem):
        return Remainder.supports(self, problem) if problem.batch else "at least one image"


class Cropped(WeightPadding):
    """dW is cropped to the kernel's size."""

    def grad_weight(self, gy, x, problem):
        return super().grad_weight(gy, x, problem)[: problem.kernel.height, : problem.kernel.width]


class Everywhere(Cropped):
    """No excuses."""

    def supports(self, problem):
        return True
