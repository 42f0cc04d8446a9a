"""CUDA C on the simulator, each bug a line of `direct.cu` as it should not be."""

from functools import cached_property
from pathlib import Path

import numpy as np

from bugs.catalogue import bug
from refconv_cuda import geometry
from refconv_cuda.device import KERNELS
from refconv_cuda.simulator import RawModule

SOURCE = (Path(__file__).parent / "direct.cu").read_text(encoding="utf-8")
SPLITS = 4  # of dW's sum


class Direct:
    """The kernels as they should be, with one piece of their source replaced."""

    device = "simulator"
    dtypes = ("float32",)
    right, faulty = "", ""

    @cached_property
    def module(self):
        assert self.right in SOURCE
        return RawModule(
            code=SOURCE.replace(self.right, self.faulty) if self.right else SOURCE, options=(f"-I{KERNELS}",)
        )

    def forward(self, x, w, problem):
        y = np.empty(problem.y_shape, x.dtype)
        blocks = -(-y[..., 0].size // 2)
        if blocks:
            shared = 4 * problem.kernel.height * problem.kernel.width * problem.c_in
            arguments = (x, w, y, geometry.struct(problem))
            self.module.get_function("forward")((blocks,), (32,), arguments, shared_mem=shared)
        return y

    def grad_weight(self, gy, x, problem):
        parts = np.zeros((SPLITS, *problem.w_shape), gy.dtype)
        grid = (-(-parts[0].size // 32), SPLITS)
        self.module.get_function("grad_weight")(grid, (32,), (gy, x, parts, geometry.struct(problem)))
        return parts.sum(axis=0)


@bug(
    "wave_198",
    "a tap outside the image reads at -1, before the array",
    "https://github.com/iree-org/wave/pull/198",
    found_by="fresh-memory",
)
class ReadsAtMinusOne(Direct):
    right, faulty = "from < 0 ? 0.0f : x", "x"


@bug(
    "nnlib_45",
    "the padding of the staged field is not written, and read as shared memory has it",
    "https://github.com/FluxML/NNlib.jl/issues/45",
    found_by="fresh-memory",
)
class PaddingNotStaged(Direct):
    right, faulty = "field[e] = from < 0 ? 0.0f : x", "if (from >= 0) field[e] = x"


@bug(
    "pytorch_189667",
    "the number of windows is rounded up to what the blocks hold, and the last block goes past X and Y",
    "https://github.com/pytorch/pytorch/issues/189667",
    found_by="fresh-memory",
)
class WritesPastTheEnd(Direct):
    right, faulty = "if (pixel >= p.output_pixels()) break;", ""


@bug(
    "sparkinfer_705",
    "a loop uses shared memory again without a barrier between the last read and the next write",
    "https://github.com/gittensor-ai-lab/sparkinfer/pull/705",
    found_by="schedule",
)
class NoBarrierBeforeTheNext(Direct):
    right, faulty = "        }\n        __syncthreads();\n    }\n}", "        }\n    }\n}"


@bug(
    "chainer_1321",
    "parts of dW are added by atomics, in the order in which blocks come to it",
    "https://github.com/chainer/chainer/issues/1321",
    found_by="schedule",
)
class AddsByAtomics(Direct):
    right, faulty = "parts[blockIdx.y * size + element] = sum;", "atomicAdd(parts + element, sum);"
