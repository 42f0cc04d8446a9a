"""Operands that are not contiguous: slices, transposes, reversed axes."""

from bugs.catalogue import bug
from bugs.conv import Conv
from bugs.machine import from_address, surroundings


@bug(
    "pytorch_4500",
    "cuDNN's implicit GEMM takes a kernel that is not contiguous, and reads it as if it were",
    "https://github.com/pytorch/pytorch/issues/4500",
    only="forward",
    found_by="views",
)
class ContiguousKernel(Conv):
    def matrix(self, w, p):
        return super().matrix(from_address(w, 0, w.size).reshape(w.shape), p)


@bug(
    "pytorch_192212",
    "some channels cut out of an NHWC image are read with the distance that pixels of so few channels would have",
    "https://github.com/pytorch/pytorch/issues/192212",
    only="forward",
    found_by="views",
)
class SliceOfChannels(Conv):
    def im2col(self, x, p):
        if x.strides[3] == x.itemsize and x.strides[2] != x.itemsize * p.c_in:
            x = from_address(x, 0, x.size).reshape(x.shape)
        return super().im2col(x, p)


@bug(
    "candle_3735",
    "the gradients read G in the order of its memory",
    "https://github.com/huggingface/candle/pull/3735",
    only=("grad_input", "grad_weight"),
    found_by="views",
)
class MemoryOrderOfG(Conv):
    def outputs(self, gy, p):
        return super().outputs(gy.ravel("K").reshape(gy.shape), p)


@bug(
    "candle_3894",
    "im2col makes a contiguous copy where it must, and then adds the old offset to the new start",
    "https://github.com/huggingface/candle/pull/3894",
    only="forward",
    found_by="views",
)
class OldOffsetInTheCopy(Conv):
    def im2col(self, x, p):
        if not x.flags.c_contiguous:
            _, offset = surroundings(x)
            x = from_address(x.copy(), offset, x.size).reshape(x.shape)
        return super().im2col(x, p)


@bug(
    "cupy_10303",
    "a negative stride is taken for a positive one",
    "https://github.com/cupy/cupy/issues/10303",
    only="forward",
    found_by="views",
)
class NegativeStrides(Conv):
    def im2col(self, x, p):
        forwards = tuple(slice(None, None, -1 if stride < 0 else 1) for stride in x.strides)
        return super().im2col(x[forwards], p)


@bug(
    "cupy_7267",
    "a kernel that is given a slice reads the array that it was cut from, from the start",
    "https://github.com/cupy/cupy/issues/7267",
    only="forward",
    found_by="fresh-memory",
)
class SliceIsItsBase(Conv):
    def im2col(self, x, p):
        memory, _ = surroundings(x)
        return super().im2col(memory[: x.size].reshape(x.shape), p)


@bug(
    "cupy_9275",
    "a transposed kernel is taken for its base, which has height and width the other way round",
    "https://github.com/cupy/cupy/issues/9275",
    only="forward",
    found_by="views",
)
class TransposedIsItsBase(Conv):
    def matrix(self, w, p):
        if not w.flags.c_contiguous and (w.flags.f_contiguous or w.swapaxes(0, 1).flags.c_contiguous):
            w = w.ravel("K").reshape(w.shape)
        return super().matrix(w, p)
