"""PyTorch: ``torch.nn.functional.conv2d``, its gradients by autograd or by ``torch.nn.grad``, on the CPU or a CUDA GPU.

Documentation: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html. Any stride, dilation and
groups that divide both channels; padding on both sides of an axis alike, so where it differs we do as its users do, and
zero-pad with ``torch.nn.functional.pad`` first.

On a GPU cuDNN computes, also in tf32, float16 and bfloat16, which tensor cores add in float32. Its documented liberties
are not faults, so they are off while we call: TF32 for float32, unless tf32 is what is asked for
(https://docs.pytorch.org/docs/stable/notes/cuda.html), and algorithms that add in another order each time
(https://docs.pytorch.org/docs/stable/notes/randomness.html). There is no adapter
for cuDNN through CuPy, which dropped it in version 14 (https://docs.cupy.dev/en/stable/upgrade.html).
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from refconv.adapters.framework import Adapter, Framework
from refconv.adapters.layouts import from_nchw, from_oihw, nchw, oihw
from refconv.formats import format_of
from refconv.implementation import ImplementationError
from refconv.operands import Array
from refconv.problem import Problem


class Autograd(Adapter):
    """``conv2d``, and its gradients through ``torch.autograd.grad``."""

    framework = Framework("PyTorch", ("torch",), "torch")
    channels_last = False  # PyTorch's other memory format, for which it has kernels of its own
    tf32 = False

    def on(self, device: str) -> Self:
        """This adapter; on the CUDA GPU for ``gpu``, else on the CPU."""
        if device == "gpu":
            if not self.library.cuda.is_available():
                raise ImplementationError(f"PyTorch {self.version} finds no CUDA GPU")
            self.device = "gpu"
            self.dtypes = (*Adapter.dtypes, "tf32", "float16", "bfloat16")
        return super().on(device)

    def in_format(self, name: str) -> Self:
        """This adapter, with TF32 in cuDNN only for ``tf32``."""
        chosen = copy.copy(self)
        chosen.tf32 = name == "tf32"
        return chosen

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        with self._settled():
            return self._array(self._conv(self._tensor(nchw(x)), self._tensor(oihw(w)), problem), from_nchw)

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""
        with self._settled():
            x = self._tensor(nchw(np.zeros(problem.x_shape, gy.dtype))).requires_grad_()
            y = self._conv(x, self._tensor(oihw(w)), problem)
            return self._array(self.library.autograd.grad(y, x, self._tensor(nchw(gy)))[0], from_nchw)

    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW, shape ``problem.w_shape``."""
        with self._settled():
            w = self._tensor(oihw(np.zeros(problem.w_shape, gy.dtype))).requires_grad_()
            y = self._conv(self._tensor(nchw(x)), w, problem)
            return self._array(self.library.autograd.grad(y, w, self._tensor(nchw(gy)))[0], from_oihw)

    def _conv(self, x: Any, w: Any, problem: Problem) -> Any:
        functional = self.library.nn.functional
        explicit, padding = _padding(problem)
        if any(explicit):
            x = functional.pad(x, explicit)
        return functional.conv2d(
            x, w, None, tuple(problem.stride), padding, tuple(problem.dilation), groups=problem.groups
        )

    def _tensor(self, array: Array) -> Any:
        torch = self.library
        bfloat16 = array.dtype.name == "bfloat16"  # which PyTorch knows, but not under NumPy's name
        tensor = torch.from_numpy(array.view(np.int16)).view(torch.bfloat16) if bfloat16 else torch.from_numpy(array)
        tensor = tensor.to("cuda" if self.device == "gpu" else "cpu")
        return tensor.to(memory_format=torch.channels_last) if self.channels_last else tensor

    def _array(self, tensor: Any, layout: Any) -> Array:
        tensor = tensor.detach().cpu()
        bfloat16 = tensor.dtype == self.library.bfloat16
        array: Array = layout(tensor.view(self.library.int16).numpy() if bfloat16 else tensor.numpy())
        return array.view(format_of("bfloat16").dtype) if bfloat16 else array

    @contextlib.contextmanager
    def _settled(self) -> Iterator[None]:
        """One thread, and on a GPU no TF32 unless asked for, and one order of summation; then all as it was."""
        torch = self.library
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        cudnn: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if self.device == "gpu":
            cudnn = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=self.tf32)
        try:
            with cudnn:
                yield
        finally:
            torch.set_num_threads(threads)


class ChannelsLast(Autograd):
    """The same in the memory format ``channels_last``, which is refconv's own NHWC."""

    channels_last = True


class NnGrad(Autograd):
    """``conv2d``, and its gradients through ``torch.nn.grad.conv2d_input`` and ``conv2d_weight``.

    Documentation: https://docs.pytorch.org/docs/stable/nn.functional.html and the functions' docstrings. Both take the
    padding as ``conv2d`` does, so where the sides differ the padded X is the input, and dX is cropped.
    """

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""
        (left, right, top, bottom), padding = _padding(problem)
        height, width = problem.height + top + bottom, problem.width + left + right
        with self._settled():
            gx = self.library.nn.grad.conv2d_input(
                (problem.batch, problem.c_in, height, width),
                *(self._tensor(oihw(w)), self._tensor(nchw(gy))),
                *(tuple(problem.stride), padding, tuple(problem.dilation), problem.groups),
            )
            return self._array(gx[:, :, top : height - bottom, left : width - right], from_nchw)

    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW, shape ``problem.w_shape``."""
        explicit, padding = _padding(problem)
        with self._settled():
            gw = self.library.nn.grad.conv2d_weight(
                self.library.nn.functional.pad(self._tensor(nchw(x)), explicit),
                (problem.c_out, problem.c_in_per_group, *problem.kernel),
                self._tensor(nchw(gy)),
                *(tuple(problem.stride), padding, tuple(problem.dilation), problem.groups),
            )
            return self._array(gw, from_oihw)


class Cudnn(ChannelsLast):
    """cuDNN through PyTorch, in NHWC, on the GPU alone."""

    device = "gpu"

    def __init__(self) -> None:
        super().__init__()
        try:
            ctypes.CDLL("libcuda.so.1")  # first, because importing PyTorch takes a second or two
        except OSError:
            raise ImplementationError("there is no CUDA GPU: the NVIDIA driver, libcuda.so.1, is missing") from None

    def on(self, device: str) -> Self:
        """This adapter, whatever the device; raises `ImplementationError` where PyTorch finds no GPU or no cuDNN."""
        if not self.library.backends.cudnn.is_available():
            raise ImplementationError(f"PyTorch {self.version} was built without cuDNN, or finds no CUDA GPU")
        return super().on("gpu")


def _padding(problem: Problem) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """What to pad by hand (left, right, top, bottom), and what to leave to ``conv2d`` (vertical, horizontal)."""
    top, bottom, left, right = problem.padding
    if top == bottom and left == right:
        return (0, 0, 0, 0), (top, left)
    return (left, right, top, bottom), (0, 0)
