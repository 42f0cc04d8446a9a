"""Stride, kernel and padding: right for the values that somebody tried."""

import numpy as np

from bugs.catalogue import bug
from bugs.conv import Conv, Gathered, Transposed, is_same, ranges, rows_of, taps_of


@bug(
    "pytorch_55381",
    "skips im2col for every 1x1 kernel, right only for stride 1 and padding 0",
    "https://github.com/pytorch/pytorch/pull/54080",
    found_by="subsample",
)
class SkipsIm2col(Conv):
    def pixels(self, p):
        if p.kernel != (1, 1):
            return super().pixels(p)
        image, pixel = ranges(p.batch, p.out_height * p.out_width)
        return np.where(pixel < p.height * p.width, image * p.height * p.width + pixel, -1)


@bug(
    "miopen_55",
    "a 1x1 kernel is a plain matrix product that knows the stride, but not the padding",
    "https://github.com/ROCm/MIOpen/issues/55",
    found_by="explicit-pad",
)
class ForgetsThePaddingOf1x1(Conv):
    def axes(self, p):
        return [a._replace(before=0) if p.kernel == (1, 1) else a for a in super().axes(p)]


@bug(
    "onednn_4081",
    "depthwise dW: the first kernel row of output row j is max(0, top - j), right only for stride 1",
    "https://github.com/uxlfoundation/oneDNN/pull/4081",
    only="grad_weight",
    found_by="adjoint",
)
class FirstKernelRow(Conv):
    def inside(self, p, row, column):
        there = super().inside(p, row, column)
        if p.groups == p.c_in and p.dilation.height == 1:
            j, m = ranges(p.out_height, p.kernel.height)
            there = there & (m >= np.maximum(0, p.padding.top - j))[:, None, :, None]
        return there


@bug(
    "fujitsu_43",
    "dX of a narrow input with many channels (iw < 17 and ic > 16; here 5 and 4) ignores the horizontal stride",
    "https://github.com/fujitsu/oneDNN/issues/43",
    only="grad_input",
    found_by="adjoint",
)
class NarrowInput(Conv):
    def axes(self, p):
        h, w = super().axes(p)
        return h, w._replace(stride=1) if p.width < 5 and p.c_in > 4 else w


@bug(
    "onednn_5080",
    "with different padding left and right and a kernel of width 4, the right edge is cut by the left padding",
    "https://github.com/uxlfoundation/oneDNN/issues/5080",
    only="forward",
    found_by="explicit-pad",
)
class CutsTheRightByTheLeft(Conv):
    def inside(self, p, row, column):
        there = super().inside(p, row, column)
        if p.kernel.width >= 4 and p.padding.left != p.padding.right:
            there = there.copy()
            there[:, -1, :, max(0, p.kernel.width - p.padding.left) :] = False
        return there


@bug(
    "onednn_3981",
    "only the first block of output columns (here of 2) expects to begin in the left padding",
    "https://github.com/uxlfoundation/oneDNN/issues/3981",
    only="forward",
    found_by="explicit-pad",
)
class PaddingBeyondTheFirstBlock(Conv):
    def inside(self, p, row, column):
        k = np.arange(p.out_width).reshape(-1, 1, 1)
        return (row >= 0) & (row < p.height) & ((column >= 0) | (k >= 2)) & (column < p.width)


@bug(
    "onednn_5730",
    "refuses dX for a kernel of width 1 with horizontal stride 1 and a vertical stride above 1",
    "https://github.com/uxlfoundation/oneDNN/issues/5730",
    only="grad_input",
    found_by="transpose",
)
class RefusesVerticalStride(Conv):
    def grad_input(self, gy, w, p):
        if p.kernel.width == p.stride.width == 1 < p.stride.height:
            raise RuntimeError("could not create a primitive descriptor")
        return super().grad_input(gy, w, p)


@bug(
    "ncnn_1283",
    "a kernel 3 wide with stride 2: exactly one pixel of each output channel (number 40, here 4) is wrong",
    "https://github.com/Tencent/ncnn/issues/1283",
    only="forward",
    found_by="subsample",
)
class OneWrongPixel(Conv):
    def pixels(self, p):
        pixels = super().pixels(p)
        if p.kernel.width == 3 and p.stride.width == 2 and p.out_height * p.out_width > 4:
            of_image = pixels.reshape(p.batch, p.out_height * p.out_width, *p.kernel)
            of_image[:, 4] = of_image[:, 3]
        return pixels


@bug(
    "mlx_833",
    "refuses dX where the padding exceeds a - 1, because its own padding would be negative",
    "https://github.com/ml-explore/mlx/issues/833",
    only="grad_input",
    found_by="explicit-pad",
)
class RefusesNegativePadding(Transposed):
    def before(self, axis):
        if super().before(axis) < 0:
            raise ValueError("[conv_general] padding must be non-negative")
        return super().before(axis)


@bug(
    "nntrainer_1570",
    "col2im takes the bottom padding where the top is due",
    "https://github.com/nntrainer/nntrainer/pull/1570",
    only="grad_input",
    found_by="transpose",
)
class BottomForTop(Conv):
    def axes(self, p):
        h, w = super().axes(p)
        return h._replace(before=h.after), w


@bug(
    "np_conv2d_2",
    "SAME padding of dX is computed with the output's height for the width too",
    "https://github.com/renmengye/np-conv2d/pull/2",
    only="grad_input",
    found_by="transpose",
)
class HeightForWidth(Conv):
    def axes(self, p):
        h, w = super().axes(p)
        total = max(0, (h.out - 1) * w.stride + w.extent - w.size)
        return h, w._replace(before=total // 2) if is_same(w) else w


@bug(
    "brightwire_22",
    "im2col takes a tap's number apart by the kernel's height where the width is due",
    "https://github.com/jdermody/brightwire/issues/22",
    found_by="transpose",
)
class TapsByHeight(Conv):
    def pixels(self, p):
        m, n = np.divmod(np.arange(taps_of(p)), p.kernel.height)
        i, j, k = (index[..., None] for index in ranges(p.batch, p.out_height, p.out_width))
        h, w = self.axes(p)
        row, column = self.at(h, j, m), self.at(w, k, n)
        return np.where(self.inside(p, row, column), self.number(p, i, row, column), -1)


@bug(
    "mxnet_6986",
    "im2col gets the horizontal dilation for both axes",
    "https://github.com/apache/mxnet/pull/6986",
    found_by="transpose",
)
class HorizontalDilation(Conv):
    def axes(self, p):
        h, w = super().axes(p)
        return h._replace(dilation=w.dilation), w


@bug(
    "pytorch_187760",
    "the output's width is computed with the vertical stride",
    "https://github.com/pytorch/pytorch/pull/187760",
    only="forward",
    found_by="output-size",
)
class VerticalStrideForBoth(Conv):
    def forward(self, x, w, p):
        return super().forward(x, w, p.replace(stride=p.stride.height))


@bug(
    "mlpack_3146",
    "the stride documented for x is applied to y, and the other way round",
    "https://github.com/mlpack/mlpack/pull/3146",
    only="forward",
    found_by="output-size",
)
class StridesExchanged(Conv):
    def forward(self, x, w, p):
        return super().forward(x, w, p.replace(stride=p.stride[::-1]))


@bug(
    "dcnv2_75",
    "im2col takes the number of an output pixel apart by the image's width, as if there were no stride",
    "https://github.com/CharlesShang/DCNv2/issues/75",
    found_by="subsample",
)
class OutputPixelsByImageWidth(Conv):
    def pixels(self, p):
        j, k = np.divmod(np.arange(p.out_height * p.out_width)[:, None, None], p.width)
        i, m, n = np.arange(p.batch)[:, None, None, None], *ranges(*p.kernel)
        h, w = self.axes(p)
        row, column = self.at(h, j, m), self.at(w, k, n)
        return np.where(self.inside(p, row, column), self.number(p, i, row, column), -1)


@bug(
    "numpy_cnn_2",
    "im2col counts the rows of its matrix by input pixels, so with a stride they leave holes and run over the end",
    "https://github.com/mengxinZHANG/numpy-realizes-CNN/issues/2",
    found_by="subsample",
)
class CountsByInputPixels(Conv):
    def im2col(self, x, p):
        right = super().im2col(x, p).reshape(p.groups, *p.y_shape[:3], p.terms("forward"))
        found = np.zeros_like(right)
        inside = found[:, :, :: p.stride.height, :: p.stride.width]
        inside[...] = right[:, :, : inside.shape[2], : inside.shape[3]]
        return found.reshape(p.groups, rows_of(p), p.terms("forward"))


@bug(
    "miopen_97",
    "dW goes by pairs of output columns and drops the last of an odd width (7x7 p3 with w = 99; here any 'same')",
    "https://github.com/ROCm/MIOpen/issues/97",
    only="grad_weight",
    found_by="adjoint",
)
class PairsOfColumns(Conv):
    def grad_weight(self, gy, x, p):
        if p.width % 2 and p.kernel.width > 1 and p.padding.left == p.padding.right == p.kernel.width // 2:
            gy = gy.copy()
            gy[:, :, -1] = 0
        return super().grad_weight(gy, x, p)


@bug(
    "miopen_11",
    "dW is wrong throughout: its channels lie as [out][in] in memory, and are taken for [in][out]",
    "https://github.com/ROCm/MIOpen/issues/11",
    only="grad_weight",
    found_by="adjoint",
)
class ChannelsTransposed(Conv):
    def grad_weight(self, gy, x, p):
        gw = super().grad_weight(gy, x, p)
        return gw.swapaxes(2, 3).reshape(p.w_shape)


@bug(
    "cutlass_1323",
    "rows of the result are written one behind the other, whatever the destination's stride between rows",
    "https://github.com/NVIDIA/cutlass/issues/1323",
    only="forward",
    found_by="index-sum",
)
class IgnoresTheRowStride(Conv):
    def images(self, matrix, p):
        y = np.zeros(p.y_shape, matrix.dtype)
        for group, rows in enumerate(matrix):  # the group's rows lie c_out apart, c_out/g of each
            begin = group * p.c_out_per_group
            target = y.reshape(-1)[begin : begin + rows.size]
            target[...] = rows.reshape(-1)[: target.size]
        return y


@bug(
    "ck_2478",
    "dW of a 1x1 kernel with stride 1 and no padding exchanges neighbouring channels where their number is even",
    "https://github.com/ROCm/composable_kernel/pull/2478",
    only="grad_weight",
    found_by="adjoint",
)
class PairsOfChannels(Conv):
    def grad_weight(self, gy, x, p):
        gw = super().grad_weight(gy, x, p)
        plain = p.kernel == p.stride == (1, 1) and not any(p.padding)
        if plain and p.c_out % 2 == 0:
            gw = gw.reshape(*p.w_shape[:3], -1, 2)[..., ::-1].reshape(p.w_shape)
        return gw


@bug(
    "xla_48713",
    "a negative padding of G, which dX needs where the padding exceeds a - 1, reads the row before or behind",
    "https://github.com/openxla/xla/issues/48713",
    only="grad_input",
    found_by="explicit-pad",
)
class NegativePaddingReadsOn(Gathered):
    def readers(self, p):
        h, w = self.axes(p)
        i, u, v, m, n = ranges(p.batch, p.height, p.width, p.kernel.height, p.kernel.width)
        (j, row), (k, column) = self.reader(h, u, m), self.reader(w, v, n)
        if w.before >= w.extent:  # no padding on this side, so no check
            column = (v + w.before - n * w.dilation) % w.stride == 0
        if h.before >= h.extent:
            row = (u + h.before - m * h.dilation) % h.stride == 0
        return np.where(row & column, (i * p.out_height + j) * p.out_width + k, -1)


@bug(
    "xla_48715",
    "cropping the remainder and padding are folded into one in the wrong order: pixels go, and padding stays",
    "https://github.com/openxla/xla/issues/48715",
    only="forward",
    found_by="explicit-pad",
)
class CropsBeforeItPads(Conv):
    def inside(self, p, row, column):
        bottom, right = p.remainder
        return (row >= 0) & (row < p.height - bottom) & (column >= 0) & (column < p.width - right)


@bug(
    "tensorflow_57128",
    "depthwise with stride and dilation returns the shape that it would have without the stride",
    "https://github.com/tensorflow/tensorflow/issues/57128",
    only="forward",
    found_by="output-size",
)
class DilatedDepthwise(Conv):
    def forward(self, x, w, p):
        if p.groups == p.c_in > 1 and max(p.stride) > 1 and max(p.dilation) > 1:
            p = p.replace(stride=1)
        return super().forward(x, w, p)


@bug(
    "tensorflow_11092",
    "where the stride exceeds the kernel, the forward pass begins at an offset of which the gradients do not know",
    "https://github.com/tensorflow/tensorflow/issues/11092",
    only=("grad_input", "grad_weight"),
    found_by="adjoint",
)
class OffsetInForwardOnly(Conv):
    def axes(self, p):
        return [a._replace(before=0) if a.stride > a.kernel else a for a in super().axes(p)]


@bug(
    "iree_23786",
    "im2col for dW ignores the stride where there are groups that are not depthwise",
    "https://github.com/iree-org/iree/issues/23786",
    only="grad_weight",
    found_by="adjoint",
)
class GroupedStride(Conv):
    def axes(self, p):
        grouped = 1 < p.groups < p.c_in
        return [a._replace(stride=1) if grouped else a for a in super().axes(p)]
