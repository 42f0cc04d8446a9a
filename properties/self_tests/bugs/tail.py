"""The remainder: rows and columns behind the last window, which the forward pass drops and a gradient must not."""

import numpy as np

from bugs.catalogue import bug
from bugs.conv import Gathered, Transposed, padded


@bug(
    "burn_4806",
    "dX is padded for a remainder of 0 or 1, and too short for a larger one",
    "https://github.com/tracel-ai/burn/pull/4806",
    only="grad_input",
    found_by="crop",
)
class RemainderOfOneAtMost(Transposed):
    def after(self, axis):
        return axis.extent - 1 - axis.after + min(axis.remainder, 1)


@bug(
    "torch7_20",
    "dX lacks every row and column of the remainder: 31x31 for an input of 32x32",
    "https://github.com/torch/DEPRECEATED-torch7-distro/issues/20",
    only="grad_input",
    found_by="crop",
)
class NoRemainder(Transposed):
    def after(self, axis):
        return axis.extent - 1 - axis.after


@bug(
    "backpack_30",
    "dW fails to take W's shape unless the remainder is 0",
    "https://github.com/f-dangel/backpack/issues/30",
    only="grad_weight",
    found_by="adjoint",
)
class TakesTheKernelsShape(Transposed):
    def cropped(self, gw, p):
        return gw.reshape(p.w_shape)


@bug(
    "opacus_245",
    "dW, a convolution with a dilated G, is larger than the kernel where there is a remainder",
    "https://github.com/meta-pytorch/opacus/pull/245",
    only="grad_weight",
    found_by="output-size",
)
class KernelTooLarge(Transposed):
    def cropped(self, gw, p):
        return gw


@bug(
    "mlx_2184",
    "dW is cropped to the kernel's shape without groups, and forgotten with them",
    "https://github.com/ml-explore/mlx/issues/2184",
    only="grad_weight",
    found_by="adjoint",
)
class CropsWithoutGroups(Transposed):
    def cropped(self, gw, p):
        return super().cropped(gw, p) if p.groups == 1 else gw


@bug(
    "xla_2333",
    "the output padding counts for dX's size, but G is not padded by it: the last rows and columns stay zero",
    "https://github.com/pytorch/xla/issues/2333",
    only="grad_input",
    found_by="adjoint",
)
class SizedButNotPadded(Transposed):
    def grad_input(self, gy, w, p):
        gx = super().grad_input(gy, w, p)
        bottom, right = p.remainder
        gx[:, max(0, p.height - bottom) :] = 0
        gx[:, :, max(0, p.width - right) :] = 0
        return gx


@bug(
    "cmu10714_6",
    "G is dilated behind its last element too, so dX is too large unless the remainder is s - 1",
    "https://github.com/PKUFlyingPig/CMU10-714/issues/6",
    only="grad_input",
    found_by="output-size",
)
class DilatesBehindTheLast(Transposed):
    def spread(self, gy, p):
        return padded(super().spread(gy, p), 0, p.stride.height - 1, 0, p.stride.width - 1)

    def after(self, axis):
        return axis.extent - 1 - axis.after


@bug(
    "aidotnet_994",
    "the output that reads a pixel is found by a division that truncates, whether or not the stride divides",
    "https://github.com/ooples/AiDotNet.Tensors/pull/994",
    only="grad_input",
    found_by="adjoint",
)
class TruncatingDivision(Gathered):
    def reader(self, axis, pixel, tap):
        out = (pixel + axis.before - tap * axis.dilation) // axis.stride
        return out, (out >= 0) & (out < axis.out)


@bug(
    "rocm_7732",
    "for strides above 1, dX is a matrix product for each phase of the stride, and only the first is launched",
    "https://github.com/ROCm/rocm-libraries/pull/7732",
    only="grad_input",
    found_by="adjoint",
)
class OnlyTheFirstPhase(Gathered):
    def reader(self, axis, pixel, tap):
        out, there = super().reader(axis, pixel, tap)
        return out, there & ((pixel + axis.before) % axis.stride == 0)


@bug(
    "miopen_575",
    "dX by phases of the stride: the last phase's taps are counted as a mod ceil(a/s), which drops some",
    "https://github.com/ROCm/MIOpen/issues/575",
    only="grad_input",
    found_by="adjoint",
)
class MiscountsThePhasesTaps(Gathered):
    def reader(self, axis, pixel, tap):
        out, there = super().reader(axis, pixel, tap)
        most = -(-axis.kernel // axis.stride)
        counted = np.where((tap % axis.stride + 1) * most <= axis.kernel, most, axis.kernel % most)
        return out, there & (tap // axis.stride < counted)
