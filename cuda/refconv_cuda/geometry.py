"""A `refconv.Problem` as the struct that the kernels take by value; ``kernels/problem.cuh`` has the same fields."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from refconv.problem import Problem

FIELDS = (
    "batch",
    "height",
    "width",
    "c_in",
    "c_out",
    "kernel_height",
    "kernel_width",
    "stride_height",
    "stride_width",
    "pad_top",
    "pad_left",
    "dilation_height",
    "dilation_width",
    "groups",
    "out_height",
    "out_width",
)
DTYPE = np.dtype([(name, np.int32) for name in FIELDS])
MOST = 2**31 - 1
# The kernels count rows, columns and terms of their products in ints, in steps of a tile: the last tile begins below
# the limit, and ends at most one side of it beyond. Threads divide by a side (kernels/tile.cuh), so none is longer.
TILE_SIDE = 1024


def struct(problem: Problem) -> npt.NDArray[Any]:
    """The struct as a 0-dimensional array. Raises ``ValueError`` for a problem whose indices exceed an int."""
    p = problem
    padded, extent = p.padded, p.kernel_extent
    limited = {
        "batch": p.batch,
        "padded height": padded.height,
        "padded width": padded.width,
        "stride": max(p.stride),
        "dilation": max(p.dilation),
        "the kernel's extent": max(extent),
        "out_height * out_width": p.out_height * p.out_width,
        "height * width": p.height * p.width,
    }
    tiled = {
        "the kernel's taps * c_in": p.kernel.height * p.kernel.width * p.c_in,
        "the kernel's taps * c_out": p.kernel.height * p.kernel.width * p.c_out,
    }
    for limits, most in ((limited, MOST), (tiled, MOST - TILE_SIDE)):
        for name, value in limits.items():
            if value > most:
                raise ValueError(f"problem {p}: {name} = {value} must be at most {most} for the CUDA kernels")
    values = (
        *(p.batch, p.height, p.width, p.c_in, p.c_out),
        *p.kernel,
        *p.stride,
        *(p.padding.top, p.padding.left),
        *p.dilation,
        *(p.groups, p.out_height, p.out_width),
    )
    return np.array(values, dtype=DTYPE)
