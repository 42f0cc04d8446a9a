"""Planted: height and width are swapped in the padding, so the image lies left rows and top columns inside."""

import numpy as np
from right import Conv as Right


class Conv(Right):
    def padded(self, x, problem):
        padded = np.zeros((problem.batch, *problem.padded, problem.c_in), x.dtype)
        inside = padded[:, problem.padding.left :, problem.padding.top :][:, : problem.height, : problem.width]
        inside[...] = x[:, : inside.shape[1], : inside.shape[2]]
        return padded
