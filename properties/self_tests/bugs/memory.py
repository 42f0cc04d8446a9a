"""What was never written, what lies behind the end, and sums that begin or end wrong."""

import numpy as np

from bugs.catalogue import bug
from bugs.conv import Conv
from bugs.machine import Heap, from_address


@bug(
    "tensorflow_24196",
    "a tap above and left of the image reads the last pixel: Y[0,0] is not 0 for an X that is 0 elsewhere",
    "https://github.com/tensorflow/tensorflow/issues/24196",
    only="forward",
    found_by="explicit-pad",
)
class ReadsTheLastPixel(Conv):
    def pixels(self, p):
        pixels = super().pixels(p)
        h, w = self.axes(p)
        if h.before and w.before and p.batch:
            pixels = pixels.copy()
            pixels[:, 0, 0, 0, 0] = np.arange(1, p.batch + 1).reshape(-1) * p.height * p.width - 1
        return pixels


@bug(
    "nnlib_44",
    "dilated: im2col leaves the padding as its recycled buffer has it, so equal calls differ, or give NaN",
    "https://github.com/FluxML/NNlib.jl/issues/44",
    only="forward",
    found_by="repeat",
)
class PaddingNotCleared(Conv):
    def __init__(self):
        self.heap = Heap()

    def im2col(self, x, p):
        right = super().im2col(x, p)
        columns = self.heap.empty(right.shape, x.dtype)
        written = super().im2col(np.ones_like(x), p) != 0 if max(p.dilation) > 1 else True
        np.copyto(columns, right, where=written)
        return columns


@bug(
    "nnlib_763",
    "for batch 0, dW is returned as it was allocated",
    "https://github.com/FluxML/NNlib.jl/pull/763",
    only="grad_weight",
    found_by="batch",
)
class JunkForNoImages(Conv):
    def __init__(self):
        self.heap = Heap()

    def kernel(self, matrix, p):
        gw = self.heap.empty(p.w_shape, matrix.dtype)
        if p.batch:
            gw[...] = super().kernel(matrix, p)
        return gw.copy()


@bug(
    "pytorch_24341",
    "for batch 0, the result of the last call is returned, in its shape",
    "https://github.com/pytorch/pytorch/pull/24341",
    only="grad_input",
    found_by="batch",
)
class ResultOfTheLastCall(Conv):
    last = None

    def grad_input(self, gy, w, p):
        if p.batch or self.last is None:
            self.last = super().grad_input(gy, w, p)
        return self.last


@bug(
    "theano_3715",
    "the size of an image is that of the batch divided by its number of images, which may be none",
    "https://github.com/Theano/Theano/issues/3715",
    only="forward",
    found_by="batch",
)
class DividesByTheBatch(Conv):
    def forward(self, x, w, p):
        assert x.size // p.batch == p.height * p.width * p.c_in
        return super().forward(x, w, p)


@bug(
    "ncnn_6766",
    "loads channels by four, past the end of X; the weights there are zeros, and zero times NaN is NaN",
    "https://github.com/Tencent/ncnn/issues/6766",
    only="forward",
    found_by="fresh-memory",
)
class LoadsByFour(Conv):
    def forward(self, x, w, p):
        y = super().forward(x, w, p)
        if p.batch and p.c_in % 4:
            y[-1, -1, -1] += 0 * from_address(x, x.size, 4 - p.c_in % 4).sum()
        return y


@bug(
    "onednn_6035",
    "1x1 dW with stride 2 pads the channels to a block (here 4) in a workspace that has no room for them",
    "https://github.com/uxlfoundation/oneDNN/issues/6035",
    only="grad_weight",
    found_by="adjoint",
)
class WritesPastTheWorkspace(Conv):
    def grad_weight(self, gy, x, p):
        if p.kernel == (1, 1) and max(p.stride) > 1 and p.c_in % 4:
            gy = gy.copy()  # what lies behind the workspace
            gy.reshape(-1)[: 4 - p.c_in % 4] = 0
        return super().grad_weight(gy, x, p)


@bug(
    "acl_395",
    "outputs whose window lies in the padding altogether are skipped, and stay as they were allocated",
    "https://github.com/ARM-software/ComputeLibrary/pull/395",
    only="forward",
    found_by="fresh-memory",
)
class SkipsWindowsOfPadding(Conv):
    def forward(self, x, w, p):
        y = np.empty(p.y_shape, x.dtype)
        reads = (self.pixels(p) >= 0).any(axis=(3, 4))[..., None]
        np.copyto(y, super().forward(x, w, p), where=reads)
        return y


@bug(
    "ggml_274",
    "rows of the matrix are rounded up to a block (of 32, here 4), and what the buffer holds there is added too",
    "https://github.com/ggml-org/ggml/pull/274",
    only="forward",
    found_by="bilinear",
)
class RoundsRowsUp(Conv):
    def __init__(self):
        self.heap = Heap()

    def gemm(self, a, b):
        size = -(-a.shape[2] // 4) * 4
        columns = self.heap.empty((*a.shape[:2], size), a.dtype)
        columns[..., : a.shape[2]] = a
        taps = np.ones((len(b), size, b.shape[2]), b.dtype)  # nor are the weights zero there
        taps[:, : b.shape[1]] = b
        return columns @ taps


@bug(
    "lbann_1022",
    "dW over a batch: the scale of what was there before, 0, is applied for each image, so the last one is all",
    "https://github.com/LBANN/lbann/pull/1022",
    only="grad_weight",
    found_by="batch",
)
class LastImageOnly(Conv):
    def grad_weight(self, gy, x, p):
        if p.batch > 1:
            gy, x, p = gy[-1:], x[-1:], p.replace(batch=1)
        return super().grad_weight(gy, x, p)


@bug(
    "oneflow_255",
    "dW is divided by the number of positions that the kernel slides over",
    "https://github.com/Oneflow-Inc/oneflow/issues/255",
    only="grad_weight",
    found_by="adjoint",
)
class MeanOverPositions(Conv):
    def grad_weight(self, gy, x, p):
        return super().grad_weight(gy, x, p) / gy.dtype.type(p.out_height * p.out_width)


@bug(
    "ctensor_3",
    "dW is divided by the batch and the size of the input",
    "https://github.com/sebgao/cTensor/issues/3",
    only="grad_weight",
    found_by="adjoint",
)
class MeanOverTheInput(Conv):
    def grad_weight(self, gy, x, p):
        return super().grad_weight(gy, x, p) / gy.dtype.type(max(1, p.batch) * p.height * p.width)
