"""The implementations of ours that have a registered name. What `refconv check` tests by default is among them.

Each is a launcher of `refconv_cuda.launchers`, for the device that it is put on.
"""

from __future__ import annotations

from refconv_cuda.launchers.auto import Auto
from refconv_cuda.launchers.depthwise import Depthwise
from refconv_cuda.launchers.direct import Direct
from refconv_cuda.launchers.few_channels import FewChannels
from refconv_cuda.launchers.im2col import Im2col
from refconv_cuda.launchers.implicit_gemm import LARGE, SMALL, ImplicitGemm
from refconv_cuda.launchers.multistage import Multistage
from refconv_cuda.launchers.on_device import OnDevice
from refconv_cuda.launchers.pointwise import Pointwise
from refconv_cuda.launchers.tensor_core import TensorCore
from refconv_cuda.launchers.warp_tiled import WarpTiled

depthwise = Depthwise()
direct = Direct()
few_channels = FewChannels()
im2col = Im2col()
implicit_gemm = ImplicitGemm(tile=SMALL)
implicit_gemm_64 = ImplicitGemm("implicit-gemm-64", tile=LARGE)
warp_tiled = WarpTiled()
tensor_core = TensorCore()
multistage = Multistage()
pointwise = Pointwise()

KERNELS: tuple[OnDevice, ...] = (
    direct,
    im2col,
    implicit_gemm,
    implicit_gemm_64,
    warp_tiled,
    multistage,  # of two that memory limits alike the chooser takes the first
    tensor_core,
    pointwise,
    depthwise,
    few_channels,
)

auto = Auto("auto", among=KERNELS)
