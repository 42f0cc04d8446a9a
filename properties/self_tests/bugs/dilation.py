"""Dilation, groups, and which channels belong together."""

import numpy as np

from bugs.catalogue import bug
from bugs.conv import Conv, Transposed


@bug(
    "mxnet_2069",
    "a dilation above 2 is packed as if it were 2",
    "https://github.com/apache/mxnet/pull/2069",
    found_by="index-sum",
)
class DilationTwoAtMost(Conv):
    def axes(self, p):
        return [a._replace(dilation=min(a.dilation, 2)) for a in super().axes(p)]


@bug(
    "mxnet_11203",
    "the transposed convolution unpacks its columns without the dilation",
    "https://github.com/apache/mxnet/issues/11203",
    only="grad_input",
    found_by="adjoint",
)
class UnpacksWithoutDilation(Conv):
    def axes(self, p):
        return [a._replace(dilation=1) for a in super().axes(p)]


@bug(
    "root_22474",
    "im2col applies the dilation twice",
    "https://github.com/root-project/root/pull/22474",
    found_by="index-sum",
)
class DilatesTwice(Conv):
    def axes(self, p):
        return [a._replace(dilation=a.dilation**2) for a in super().axes(p)]


@bug(
    "ncnn_75",
    "from one kernel row to the next the pointer jumps by w d - extent instead of w d - d a: d - 1 columns too far",
    "https://github.com/Tencent/ncnn/issues/75",
    only="forward",
    found_by="index-sum",
)
class GapBetweenKernelRows(Conv):
    def number(self, p, image, row, column):
        m = np.arange(p.kernel.height).reshape(-1, 1)
        return super().number(p, image, row, column + m * (p.dilation.width - 1))


@bug(
    "pytorch_23889",
    "nn.grad.conv2d_input works out its padding from the kernel without dilation",
    "https://github.com/pytorch/pytorch/pull/23889",
    only="grad_input",
    found_by="output-size",
)
class ExtentWithoutDilation(Transposed):
    def after(self, axis):
        return super().after(axis) + axis.kernel - axis.extent


@bug(
    "pytorch_51430",
    "nn.grad.conv2d_weight takes the channels of a group as [in][out] where they lie [out][in]",
    "https://github.com/pytorch/pytorch/issues/51430",
    only="grad_weight",
    found_by="adjoint",
)
class GroupedWeightOrder(Conv):
    def kernel(self, matrix, p):
        if p.groups == 1:
            return super().kernel(matrix, p)
        return np.moveaxis(matrix, 0, 2).reshape(p.w_shape)


@bug(
    "mlx_3800",
    "dX with a stride goes to a dense kernel, which reads the first group's weights for every group",
    "https://github.com/ml-explore/mlx/pull/3800",
    only="grad_input",
    found_by="adjoint",
)
class FirstGroupsWeights(Conv):
    def matrix(self, w, p):
        groups = super().matrix(w, p)
        return groups if max(p.stride) == 1 else np.repeat(groups[:1], p.groups, axis=0)


@bug(
    "mlx_1449",
    "the kernel is flipped for dX without groups, and not with them",
    "https://github.com/ml-explore/mlx/pull/1449",
    only="grad_input",
    found_by="adjoint",
)
class ForgetsToFlipGroups(Transposed):
    def flipped(self, w, p):
        return super().flipped(w, p) if p.groups == 1 else w


@bug(
    "burn_1891",
    "dW with groups = channels and a stride is cropped at the wrong end",
    "https://github.com/tracel-ai/burn/pull/1891",
    only="grad_weight",
    found_by="adjoint",
)
class CropsTheWrongEnd(Transposed):
    def cropped(self, gw, p):
        if p.groups == p.c_in > 1 and max(p.stride) > 1:
            return gw[-p.kernel.height :, -p.kernel.width :]
        return super().cropped(gw, p)


@bug(
    "pytorch_19912",
    "two groups with few input and many output channels (4 -> 16, here twice as many out as in): all zeros",
    "https://github.com/pytorch/pytorch/issues/19912",
    only="forward",
    found_by="adjoint",
)
class AllZeros(Conv):
    def images(self, matrix, p):
        return super().images(matrix, p) * matrix.dtype.type(p.groups != 2 or p.c_out < 2 * p.c_in)


@bug(
    "pytorch_18463",
    "with groups, output channels of a group past a block (of 16, here 2) come out of the block before",
    "https://github.com/pytorch/pytorch/pull/18463",
    only="forward",
    found_by="adjoint",
)
class SecondHalfOfAGroup(Conv):
    def gemm(self, a, b):
        product = a @ b
        if len(b) > 1 and b.shape[2] > 2:
            product[..., 2:4] = product[..., : product[..., 2:4].shape[2]]
        return product


@bug(
    "pytorch_21597",
    "six input channels, and no other number: a block of four, and the two that are left are dropped",
    "https://github.com/pytorch/pytorch/issues/21597",
    only="forward",
    found_by="adjoint",
)
class SixChannels(Conv):
    def im2col(self, x, p):
        if p.c_in == 6:
            x = np.concatenate([x[..., :4], np.zeros_like(x[..., 4:])], axis=3)
        return super().im2col(x, p)


@bug(
    "cudnn_897",
    "dX where neither stride nor dilation is 1 asks of m, not of m d, whether the stride divides",
    "https://docs.nvidia.com/deeplearning/cudnn/archives/cudnn-897/release-notes",
    only="grad_input",
    found_by="adjoint",
)
class StrideAndDilation(Conv):
    def axes(self, p):
        return [a._replace(dilation=1) if a.stride > 1 and a.dilation > 1 else a for a in super().axes(p)]
