"""Planted: our own forward kernel without one of its two barriers, run on the simulator."""

import numpy as np

from refconv_cuda import geometry
from refconv_cuda.device import KERNELS
from refconv_cuda.launchers.implicit_gemm import SMALL
from refconv_cuda.simulator import RawModule

SOURCE = (KERNELS / "implicit_gemm_forward.cu").read_text()
BARRIER = "__syncthreads();"
KERNEL = f"implicit_gemm_forward<float, {SMALL.arguments()}>"


class WithBoth:
    """No fault, so that a test can tell that it is the barrier that is missed."""

    device = "simulator"
    dtypes = ("float32",)
    code = SOURCE

    def __init__(self):
        module = RawModule(code=self.code, options=(f"-I{KERNELS}",), name_expressions=(KERNEL,))
        self.kernel = module.get_function(KERNEL)

    def forward(self, x, w, problem):
        y = np.zeros(problem.y_shape, x.dtype)
        row_tiles, column_tiles = -(-y[..., 0].size // SMALL.m), -(-problem.c_out_per_group // SMALL.n)
        if row_tiles:
            blocks = row_tiles * column_tiles * problem.groups
            self.kernel((blocks,), (SMALL.threads,), (x, w, y, geometry.struct(problem)))
        return y


class WithoutTheFirst(WithBoth):
    """A thread adds before its neighbours have staged."""

    code = SOURCE.replace(BARRIER, "", 1)


class WithoutTheLast(WithBoth):
    """A thread stages the next slice before its neighbours have added this one; a single slice hides it."""

    code = "".join(SOURCE.rsplit(BARRIER, 1))
