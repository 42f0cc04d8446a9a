"""A grouped convolution and its gradients let an infinity or a NaN of one group into the other group's result."""

import jax
import numpy as np

wrong = 0


def conv(x, w):
    return jax.lax.conv_general_dilated(
        x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=2
    )


with jax.enable_x64(True):
    for dtype in (np.float32, np.float64):
        ones = np.ones((1, 1, 1, 2), dtype)  # X, W and G: two groups of one channel each
        one_infinite = np.array([np.inf, 5], dtype).reshape(1, 1, 1, 2)
        _, pulled_back = jax.vjp(conv, ones, ones)
        results = (conv(one_infinite, ones), *pulled_back(one_infinite))
        for name, result in zip(("Y", "dX", "dW"), results, strict=True):
            values = np.asarray(result).ravel()
            wrong += values[1] != 5
            print(f"jax {jax.__version__}, {np.dtype(dtype)}: {name} = {values}, and must be [inf  5.]")
raise SystemExit(int(wrong > 0))
