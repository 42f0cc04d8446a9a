"""Algorithms that a library chooses, and the precision that it computes in."""

import numpy as np

from bugs.catalogue import bug
from bugs.conv import Conv, axes, padded


def rounded(values, bits):
    """Floats rounded to a number of significand bits."""
    fraction, exponent = np.frexp(values)
    return np.ldexp(np.round(np.ldexp(fraction, bits)), exponent - bits).astype(values.dtype)


@bug(
    "jax_22855",
    "the autotuner may pick a split-K algorithm that returns the first part of the sum: 7.13 for 73.5",
    "https://github.com/jax-ml/jax/issues/22855",
    only="forward",
    found_by="adjoint",
)
class FirstPartOfTheSum(Conv):
    def gemm(self, a, b):
        part = a.shape[2] // 8 if a.shape[2] % 8 == 0 else a.shape[2]
        return a[..., :part] @ b[:, :part]


@bug(
    "tensorflow_16798",
    "wrong for exactly one size of image (1096x2449, here 4x5)",
    "https://github.com/tensorflow/tensorflow/issues/16798",
    only="forward",
    found_by="adjoint",
)
class ExactlyOneSize(Conv):
    def im2col(self, x, p):
        if (p.height, p.width) == (4, 5):
            x = np.roll(x, 1, axis=2)
        return super().im2col(x, p)


@bug(
    "burn_5626",
    "for a 1x1 kernel, autotuning picks a kernel that goes by vectors (here of 2) and drops the channel left over",
    "https://github.com/tracel-ai/burn/issues/5626",
    only="forward",
    found_by="adjoint",
)
class WholeVectorsOnly(Conv):
    def im2col(self, x, p):
        if p.kernel == (1, 1) and p.c_in > 2:
            x = x.copy()
            x[..., p.c_in // 2 * 2 :] = 0
        return super().im2col(x, p)


@bug(
    "burn_5626_out",
    "as burn_5626, for output channels in tiles of 8: those of a tile that is not full are never written",
    "https://github.com/tracel-ai/burn/issues/5626",
    only="forward",
    found_by="fresh-memory",
)
class WholeTilesOnly(Conv):
    def forward(self, x, w, p):
        y = super().forward(x, w, p)
        if p.kernel == (1, 1) and p.c_out > 8:
            tiles = np.empty_like(y)
            tiles[..., : p.c_out // 8 * 8] = y[..., : p.c_out // 8 * 8]
            return tiles
        return y


@bug(
    "miopen_1206",
    "one solver fails for one type: float64 is computed in float32",
    "https://github.com/ROCm/MIOpen/issues/1206",
    found_by="rounding",
    dtype="float64",
)
class Float64InFloat32(Conv):
    dtypes = ("float64",)

    def gemm(self, a, b):
        return (a.astype(np.float32) @ b.astype(np.float32)).astype(a.dtype)


@bug(
    "rocm_8029",
    "split-k keeps its partial sums of dW in bfloat16",
    "https://github.com/ROCm/rocm-libraries/issues/8029",
    only="grad_weight",
    found_by="rounding",
)
class PartialSumsInBfloat16(Conv):
    def gemm(self, a, b):
        if a.shape[2] < 2:
            return a @ b
        half = a.shape[2] // 2
        return rounded(a[..., :half] @ b[:, :half], 8) + rounded(a[..., half:] @ b[:, half:], 8)


@bug(
    "onednn_5041",
    "float16 is added up in float16, against the library's own word",
    "https://github.com/uxlfoundation/oneDNN/pull/5041",
    only="forward",
    found_by="rounding",
    dtype="float16",
)
class AddsInFloat16(Conv):
    dtypes = ("float16",)

    def gemm(self, a, b):
        total = np.zeros((*a.shape[:2], b.shape[2]), np.float16)
        for k in range(a.shape[2]):
            total += a[..., k, None] * b[:, None, k]
        return total


@bug(
    "pytorch_153698",
    "float32 operands are rounded to TF32: integers above 2048 change",
    "https://github.com/pytorch/pytorch/issues/153698",
    found_by="rounding",
)
class Tf32(Conv):
    def gemm(self, a, b):
        return rounded(a, 11) @ rounded(b, 11)


@bug(
    "tensorflow_60315",
    "for more than so many channels (128, here 1), Winograd: infinity less infinity is NaN",
    "https://github.com/tensorflow/tensorflow/issues/60315",
    only="forward",
    found_by="locality",
)
class Winograd(Conv):
    def forward(self, x, w, p):
        if p.kernel.width != 3 or p.stride.width > 1 or p.dilation.width > 1 or p.groups > 1 or p.c_in == 1:
            return super().forward(x, w, p)
        _, right = axes(p)
        g = w[:, 0], w[:, 1], w[:, 2]
        even = padded(x, p.padding.top, p.padding.bottom, p.padding.left, p.padding.right + 1)
        d = [even[:, :, i : i + 2 * ((right.out + 1) // 2) : 2] for i in range(4)]
        products = [
            self.rows(a, b, p)
            for a, b in (
                (d[0] - d[2], g[0]),
                (d[1] + d[2], (g[0] + g[1] + g[2]) / 2),
                (d[2] - d[1], (g[0] - g[1] + g[2]) / 2),
                (d[1] - d[3], g[2]),
            )
        ]
        y = np.empty((p.batch, p.out_height, 2 * ((right.out + 1) // 2), p.c_out), x.dtype)
        y[:, :, ::2] = products[0] + products[1] + products[2]
        y[:, :, 1::2] = products[1] - products[2] - products[3]
        return y[:, :, : right.out]

    def rows(self, pixels, taps, p):
        """The sum over kernel rows and channels."""
        rows = [pixels[:, m * p.dilation.height :: p.stride.height][:, : p.out_height] for m in range(p.kernel.height)]
        return sum(part @ tap.astype(pixels.dtype) for part, tap in zip(rows, taps, strict=True))


@bug(
    "pytorch_12484",
    "NaN in W does not come out as NaN: the result is clamped by a maximum that prefers numbers",
    "https://github.com/pytorch/pytorch/issues/12484",
    found_by="locality",
)
class ClampsNan(Conv):
    def gemm(self, a, b):
        product = a @ b
        return np.fmax(product, -np.finfo(product.dtype).max)
