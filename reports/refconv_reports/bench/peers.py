"""Whom we are compared with on a GPU, in the same run and in the same precision, both through PyTorch.

`CUDNN` is what PyTorch's users get at best: channels_last, and ``benchmark = True``, which tries cuDNN's algorithms for
each problem and takes the fastest. For float32 that may be Winograd's, which multiplies less and rounds more.
`IM2COL` is the explicit lowering: a matrix of columns in memory, and cuBLAS. Gradients come from ATen's
``convolution_backward``, which computes the one that is asked for
(https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html).
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from refconv.problem import OPERATORS, Operator, Problem
from refconv_reports.bench.torch_arrays import OnTorch

TF32 = "tf32"
# What cuBLAS may do to be faster: read float32 as TF32, and add partial sums in the narrow formats.
MATMUL = ("allow_tf32", "allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction")


class TorchPeer(ABC):
    """What both have in common. home: where their tensors are."""

    name: str
    dtypes: tuple[str, ...] = ("float64", "float32", "tf32", "float16", "bfloat16")
    operators: tuple[Operator, ...] = OPERATORS

    def __init__(self, home: OnTorch) -> None:
        self.home = home

    def unsupported(self, problem: Problem) -> str | None:
        """Why the problem is not for it, or None."""
        top, bottom, left, right = problem.padding
        if top != bottom or left != right:
            return f"{self.name} pads both sides alike"
        return None

    @abstractmethod
    def call(self, operator: Operator, first: Any, second: Any, problem: Problem) -> Any:
        """The result as a tensor; operands and result as `OnTorch` shapes them."""

    def launches(self, operator: Operator, problem: Problem, dtype: str) -> tuple[str | None, str | None]:
        """Libraries do not say."""
        return None, None

    @contextlib.contextmanager
    def precisely(self, dtype: str) -> Iterator[dict[str, Any]]:
        """Only the precision that is asked for, inside; yields the settings, which are as they were afterwards."""
        torch = self.home.torch
        matmul = torch.backends.cuda.matmul
        before = {name: getattr(matmul, name) for name in MATMUL}
        tf32 = dtype == TF32
        for name in MATMUL:
            setattr(matmul, name, tf32 and name == "allow_tf32")
        cudnn = torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=tf32)
        try:
            with torch.no_grad(), cudnn:
                yield {"allow_tf32": tf32, "cudnn_benchmark": True, "memory_format": "channels_last"}
        finally:
            for name, value in before.items():
                setattr(matmul, name, value)


class Cudnn(TorchPeer):
    """``conv2d`` and its gradients."""

    name = "torch-cudnn"
    _kept: Any = None

    def call(self, operator: Operator, first: Any, second: Any, problem: Problem) -> Any:
        """By cuDNN on a GPU, by whatever PyTorch has on the CPU."""
        torch = self.home.torch
        stride, dilation = tuple(problem.stride), tuple(problem.dilation)
        padding = (problem.padding.top, problem.padding.left)
        if operator == "forward":
            return torch.nn.functional.conv2d(first, second, None, stride, padding, dilation, problem.groups)
        if operator == "grad_input":
            x = self._shell(first, (problem.batch, problem.c_in, problem.height, problem.width))
            given, mask = (first, x, second), (True, False, False)
        else:
            w = self._shell(first, (problem.c_out, problem.c_in_per_group, *problem.kernel))
            given, mask = (first, second, w), (False, True, False)
        backward = torch.ops.aten.convolution_backward
        results = backward(*given, None, stride, padding, dilation, False, (0, 0), problem.groups, mask)
        return results[mask.index(True)]

    def _shell(self, like: Any, shape: tuple[int, ...]) -> Any:
        """The operand of which only the shape counts: allocated once, so that no call's time has it in."""
        shell = self._kept
        if shell is None or tuple(shell.shape) != shape or shell.dtype != like.dtype:
            shell = like.new_empty(shape).to(memory_format=self.home.torch.channels_last)
            self._kept = shell
        return shell


class Im2col(TorchPeer):
    """An explicit im2col or col2im, and a matrix product by cuBLAS."""

    name = "cublas-im2col"

    def call(self, operator: Operator, first: Any, second: Any, problem: Problem) -> Any:
        """Columns ``[groups, pixels, taps * channels]`` times weights ``[groups, taps * channels, outputs]``."""
        if operator == "forward":
            product = self._columns(first, problem) @ self._weights(second, problem)
            return self._image(product, problem)
        if operator == "grad_weight":
            product = self._columns(second, problem).transpose(1, 2) @ self._pixels(first, problem)
            taps = product.view(problem.groups, *problem.kernel, problem.c_in_per_group, problem.c_out_per_group)
            return taps.permute(0, 4, 3, 1, 2).reshape(problem.c_out, problem.c_in_per_group, *problem.kernel)
        return self._col2im(first, second, problem)

    def _columns(self, x: Any, problem: Problem) -> Any:
        """im2col: a view of the padded image with an axis for each of the window's, then one copy of it."""
        top, bottom, left, right = problem.padding
        padded = x.permute(0, 2, 3, 1)
        if any(problem.padding):
            padded = self.home.torch.nn.functional.pad(padded, (0, 0, left, right, top, bottom))
        image, row, column, channel = padded.stride()
        shape = (problem.groups, problem.batch, problem.out_height, problem.out_width, *problem.kernel)
        strides = (channel * problem.c_in_per_group, image, row * problem.stride.height, column * problem.stride.width)
        taps = (row * problem.dilation.height, column * problem.dilation.width)
        windows = padded.as_strided((*shape, problem.c_in_per_group), (*strides, *taps, channel))
        return windows.reshape(problem.groups, -1, problem.terms("forward"))

    def _weights(self, w: Any, problem: Problem) -> Any:
        split = w.view(problem.groups, problem.c_out_per_group, problem.c_in_per_group, *problem.kernel)
        return split.permute(0, 3, 4, 2, 1).reshape(problem.groups, -1, problem.c_out_per_group)

    def _pixels(self, gy: Any, problem: Problem) -> Any:
        """G as ``[groups, pixels, outputs]``."""
        split = gy.permute(0, 2, 3, 1).reshape(-1, problem.groups, problem.c_out_per_group)
        return split.transpose(0, 1)

    def _image(self, product: Any, problem: Problem) -> Any:
        nhwc = product.transpose(0, 1).reshape(problem.y_shape)
        return nhwc.permute(0, 3, 1, 2)

    def _col2im(self, gy: Any, w: Any, problem: Problem) -> Any:
        """``torch.nn.functional.fold`` is a col2im; it wants ``[batch, channels * taps, pixels]``."""
        groups, taps = problem.groups, problem.kernel.height * problem.kernel.width
        weights = w.reshape(groups, problem.c_out_per_group, problem.c_in_per_group * taps).transpose(1, 2)
        pixels = gy.permute(0, 2, 3, 1).reshape(problem.batch, -1, groups, problem.c_out_per_group)
        columns = weights @ pixels.permute(0, 2, 3, 1)
        return self.home.torch.nn.functional.fold(
            columns.reshape(problem.batch, problem.c_in * taps, -1),
            (problem.height, problem.width),
            tuple(problem.kernel),
            tuple(problem.dilation),
            (problem.padding.top, problem.padding.left),
            tuple(problem.stride),
        )


PEERS: dict[str, type[TorchPeer]] = {peer.name: peer for peer in (Cudnn, Im2col)}
