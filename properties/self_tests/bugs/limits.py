"""Numbers that outgrow their type or the machine, with 8 bits where the original had 32, and a grid to match."""

import numpy as np

from bugs.catalogue import bug
from bugs.conv import Conv, rows_of
from bugs.machine import Heap


@bug(
    "rocm_4611",
    "im2col's number of elements wraps around, the loop stops early, and the rest is what the buffer held",
    "https://github.com/ROCm/rocm-libraries/pull/4611",
    only="forward",
    found_by="unit-step",
)
class LoopStopsEarly(Conv):
    def __init__(self):
        self.heap = Heap()

    def im2col(self, x, p):
        right = super().im2col(x, p)
        columns = self.heap.empty(right.shape, x.dtype)
        count = right.size if right.size < 256 else right.size % 256
        columns.reshape(-1)[:count] = right.reshape(-1)[:count]
        return columns


@bug(
    "miopen_3099",
    "im2col's and col2im's offset of an image wraps around, so late images are read where early ones lie",
    "https://github.com/ROCm/MIOpen/pull/3099",
    found_by="adjoint",
)
class OffsetWraps(Conv):
    def number(self, p, image, row, column):
        size = p.height * p.width * p.c_in
        pixel = image * size % 256 // p.c_in
        return pixel + row * p.width + column


@bug(
    "mlx_3143",
    "unfold writes at an index of few bits: late rows of its matrix land on early ones",
    "https://github.com/ml-explore/mlx/pull/3143",
    only="forward",
    found_by="adjoint",
)
class UnfoldWraps(Conv):
    def im2col(self, x, p):
        right = super().im2col(x, p)
        if right.size <= 256:
            return right
        columns, values = np.zeros(right.size, x.dtype), right.reshape(-1)
        for start in range(0, values.size, 256):
            part = values[start : start + 256]
            columns[: part.size] = part
        return columns.reshape(right.shape)


@bug(
    "mlx_3893",
    "a grid with more rows than the device allows (65,535, here 16) is not launched, and nobody asks",
    "https://github.com/ml-explore/mlx/pull/3893",
    only="forward",
    found_by="adjoint",
)
class GridNotLaunched(Conv):
    def gemm(self, a, b):
        return a @ b if a.shape[1] <= 16 else np.zeros((*a.shape[:2], b.shape[2]), a.dtype)


@bug(
    "tensorflow_112776",
    "a matrix product with too large a dimension is cut off at the largest that its type holds (here 63)",
    "https://github.com/tensorflow/tensorflow/pull/112776",
    only="grad_weight",
    found_by="adjoint",
)
class ProductCutOff(Conv):
    def gemm(self, a, b):
        return a[:, :, :63] @ b[:, :63]


@bug(
    "rocm_10627",
    "dX of a large batch is split in two, and one launch without an offset does the first part only",
    "https://github.com/ROCm/rocm-libraries/issues/10627",
    only="grad_input",
    found_by="batch",
)
class FirstSplitOnly(Conv):
    def grad_input(self, gy, w, p):
        gx = super().grad_input(gy, w, p)
        if p.batch % 2 == 0:  # where the original splits past 2 GB, or when it is told to
            gx[p.batch // 2 :] = 0
        return gx


@bug(
    "onednn_78604d7",
    "the offset of an output row, an int, is negative past its largest value: those rows go nowhere",
    "https://github.com/uxlfoundation/oneDNN/commit/78604d7025",
    only="forward",
    found_by="adjoint",
)
class NegativeOffsets(Conv):
    def images(self, matrix, p):
        offsets = np.arange(rows_of(p)) * p.c_out
        return super().images(np.where((offsets.astype(np.int8) >= 0)[:, None], matrix, matrix.dtype.type(0)), p)
