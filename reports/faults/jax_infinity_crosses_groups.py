"""The gradient by X of a grouped convolution lets an infinity of one group turn the other group's result into a NaN."""

import jax
import numpy as np

w = np.ones((1, 1, 1, 2))  # two groups of one channel each


def conv(x):
    return jax.lax.conv_general_dilated(
        x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=2
    )


with jax.enable_x64(True):
    _, pulled_back = jax.vjp(conv, np.zeros((1, 1, 1, 2)))
    gx = np.asarray(pulled_back(np.array([np.inf, 5.0]).reshape(1, 1, 1, 2))[0]).ravel()
print(f"jax {jax.__version__}: dX = {gx}, and must be [inf  5.]")
raise SystemExit(int(gx[1] != 5))
