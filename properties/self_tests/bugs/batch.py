"""Images that see one another, calls that remember, and sums in an order of their own."""

import numpy as np

from bugs.catalogue import bug
from bugs.conv import Conv


@bug(
    "ggml_993",
    "a 1-D im2col takes the number of images from the dimension that it has in 2-D: the first image only",
    "https://github.com/ggml-org/ggml/pull/993",
    only="forward",
    found_by="batch",
)
class FirstImageOfARow(Conv):
    def images(self, matrix, p):
        y = super().images(matrix, p)
        if p.height == p.kernel.height == 1:
            y[1:] = 0
        return y


@bug(
    "ggml_1448",
    "the transposed convolution permutes and computes the first image only; the others are zeros",
    "https://github.com/ggml-org/ggml/issues/1448",
    only="grad_input",
    found_by="batch",
)
class FirstImageTransposed(Conv):
    def grad_input(self, gy, w, p):
        gx = super().grad_input(gy, w, p)
        gx[1:] = 0
        return gx


@bug(
    "ggml_737",
    "the product [c_out, b h w] is taken for [b, c_out, h w] without exchanging the first two",
    "https://github.com/ggml-org/ggml/pull/737",
    only="forward",
    found_by="batch",
)
class ReshapesForTransposing(Conv):
    def images(self, matrix, p):
        y = super().images(matrix, p)
        planes = np.moveaxis(y, 3, 0).reshape(p.batch, p.c_out, p.out_height, p.out_width)
        return np.moveaxis(planes, 1, 3).copy()


@bug(
    "pytorch_59515",
    "wrong from some image on (1251, here the fifth): those past the grid repeat earlier ones",
    "https://github.com/pytorch/pytorch/issues/59515",
    only="forward",
    found_by="batch",
)
class FromTheFifthImageOn(Conv):
    def forward(self, x, w, p):
        y = super().forward(x, w, p)
        y[4:] = y[: max(0, p.batch - 4)]
        return y


@bug(
    "tensorflow_9502",
    "images go in pairs; the last of an odd number is computed with the one before it",
    "https://github.com/tensorflow/tensorflow/issues/9502",
    only="forward",
    found_by="batch",
)
class LastOfAnOddBatch(Conv):
    def forward(self, x, w, p):
        if p.batch > 1 and p.batch % 2:
            x = np.concatenate([x[:-1], x[-2:-1]])
        return super().forward(x, w, p)


@bug(
    "tensorflow_1299",
    "an image alone and in a batch give different values: for more than one, another algorithm, in half precision",
    "https://github.com/tensorflow/tensorflow/issues/1299",
    only="forward",
    found_by="rounding",
)
class HalfPrecisionInBatches(Conv):
    def forward(self, x, w, p):
        if p.batch > 1:
            x, w = x.astype(np.float16).astype(x.dtype), w.astype(np.float16).astype(w.dtype)
        return super().forward(x, w, p)


@bug(
    "xla_1017",
    "a second convolution is wrong after a first: its compiled program is found by shapes, without the stride",
    "https://github.com/pytorch/xla/issues/1017",
    only="forward",
    found_by="subsample",
)
class ProgramOfAnother(Conv):
    def __init__(self):
        self.programs = {}

    def pixels(self, p):
        found = self.programs.setdefault((p.x_shape, p.w_shape), super().pixels(p))
        right = super().pixels(p)
        return found if found.shape == right.shape else found_anyway(found, right)


def found_anyway(found, right):
    """As much of a stale program as fits."""
    result = right.copy()
    part = tuple(slice(0, min(sizes)) for sizes in zip(found.shape, right.shape, strict=True))
    result[part] = found[part]
    return result


@bug(
    "onednn_1113",
    "the kernel is packed when its address is new, so new values at an old address are never seen",
    "https://github.com/uxlfoundation/oneDNN/issues/1113",
    only="forward",
    found_by="unit-step",
)
class PackedByAddress(Conv):
    def __init__(self):
        self.packed = {}

    def matrix(self, w, p):
        key = (w.__array_interface__["data"][0], w.shape, p.groups, w.dtype)
        return self.packed.setdefault(key, super().matrix(w, p).copy())


@bug(
    "openvino_32530",
    "the layout of the packed kernel depends on the batch, and the cache that keeps it is not asked for which",
    "https://github.com/openvinotoolkit/openvino/pull/32530",
    only="forward",
    found_by="batch",
)
class PackedForAnotherBatch(Conv):
    def __init__(self):
        self.packed = {}

    def matrix(self, w, p):
        order = 1 if p.batch < 2 else -1  # another batch, another layout
        right = super().matrix(w, p)
        packed = self.packed.setdefault((w.tobytes(), w.shape, p.groups), right[:, ::order].copy())
        return packed[:, ::order]


@bug(
    "cudnn_torch_274",
    "dW is added up in whatever order threads come to it",
    "https://github.com/soumith/cudnn.torch/issues/274",
    only="grad_weight",
    found_by="repeat",
)
class AnyOrder(Conv):
    def __init__(self):
        self.order = np.random.default_rng(1)

    def gemm(self, a, b):
        order = self.order.permutation(a.shape[2])
        total = np.zeros((a.shape[0], a.shape[1], b.shape[2]), a.dtype)
        for part in np.array_split(order, 8):
            total += a[:, :, part] @ b[:, part]
        return total
