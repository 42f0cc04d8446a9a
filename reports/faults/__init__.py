"""What the suite has found in released frameworks.

Each fault has a script beside this file that shows it without refconv. It exits with 1 where the fault is there, with 0
where it is mended.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from refconv.problem import Problem

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Fault:
    """A known fault.

    script: what shows it. implementations: whose it is. says: a pattern of what a law says that found it. shows: the
    problems on which it may show. derived: a law may also find it on another problem, from which it makes such a one.
    """

    script: str
    implementations: tuple[str, ...]
    says: str
    shows: Callable[[Problem], bool]
    note: str
    derived: bool = False

    @property
    def title(self) -> str:
        """The script's docstring."""
        return ast.get_docstring(ast.parse(self.path.read_text(encoding="utf-8"))) or ""

    @property
    def path(self) -> Path:
        """The script."""
        return FOLDER / f"{self.script}.py"

    def explains(self, implementation: str, problem: Problem, sentence: str) -> bool:
        """Whether a law that broke on ``problem``, saying ``sentence``, was broken by this."""
        found = re.search(self.says, sentence) is not None
        return implementation in self.implementations and found and (self.derived or self.shows(problem))


def _pads_by_batch_and_channels(problem: Problem) -> tuple[int, ...]:
    """What onnx 1.20.1 makes of SAME_UPPER: `refconv.adapters.onnx.same_upper` of the wrong sizes, and not clipped."""
    sides = []
    for size, stride, extent in zip((problem.batch, problem.c_in), problem.stride, problem.kernel_extent, strict=True):
        total = (-(-size // stride) - 1) * stride + extent - size
        sides += [total // 2, total - total // 2]
    return tuple(sides)


def _one_output_column(problem: Problem) -> bool:
    """One channel, and one column of outputs that a horizontal stride would part; or so in the transposed problem."""
    (rows, columns), (down, along) = (problem.out_height, problem.out_width), problem.stride
    return problem.c_in == 1 and ((columns == 1 and along > 1 == down) or (rows == 1 and down > 1 == along))


FAULTS = {
    fault.script: fault
    for fault in (
        Fault(
            "torch_one_output_column",
            ("torch-channels-last",),
            says=r"^(?!dX|dW)",
            shows=_one_output_column,
            note="Silent; on other data what is read may be no part of X, and differ from call to call. It takes two "
            "images, a vertical stride of 1, and float32 on a CPU with AVX-512: by `ONEDNN_VERBOSE=1` the "
            "implementation is `brg_conv_fwd:avx512_core` of oneDNN 3.12.0, which PyTorch 2.13.0 and 2.14.1 have; "
            "under `ONEDNN_MAX_CPU_ISA=AVX2` the results are right.",
        ),
        Fault(
            "jax_one_input_channel",
            ("jax", "keras"),
            says=r"but the .*index sum gives",
            shows=lambda problem: max(problem.c_in, problem.c_out) > 32768 and problem.kernel == (1, 1),
            note="Silent, and what is returned is whatever memory held. A fusion of XLA's for the CPU, `__ynn_fusion`, "
            "computes it; two input channels, or a plain matrix product of the same operands, are right. dX has it for "
            "one output channel and as many input channels. Keras has it through its JAX backend. "
            "JAX 0.12.0.1 is right again (it needs Python 3.12).",
        ),
        Fault(
            "jax_infinity_crosses_groups",
            ("jax", "keras"),
            says=r"= (nan|-?inf)",
            shows=lambda problem: problem.groups > 1,
            note="Finite operands are right. It looks as if the groups became one dense convolution with zeros between "
            "them, and inf * 0 is NaN: Y and dX in float64, dW of some shapes in float32. JAX 0.12.0.1 has it too.",
        ),
        Fault(
            "onnx_transposed_groups",
            ("onnx-reference",),
            says=r"grad_input raised ValueError",
            shows=lambda problem: problem.groups > 1,
            note="Not silent: it raises. Depthwise, one channel of each kind a group, is right.",
        ),
        Fault(
            "onnx_transposed_empty_batch",
            ("onnx-reference",),
            says=r"grad_input raised (TypeError|AttributeError)",
            shows=lambda problem: problem.batch == 0,
            note="ONNX allows dimensions of 0. Not silent: it raises.",
            derived=True,
        ),
        Fault(
            "onnx_dilated_kernel",
            ("onnx-reference", "onnx-reference-same"),
            says=r"= nan",
            shows=lambda problem: problem.dilation != (1, 1),
            note="Finite operands are right. The evaluator writes the dilated kernel out, with zeros between its taps.",
        ),
        Fault(
            "onnx_same_upper",
            ("onnx-reference-same",),
            says=r"",
            shows=lambda problem: problem.batch == 0 or _pads_by_batch_and_channels(problem) != problem.padding,
            derived=True,
            note="Mended after 1.20.1, which may also pad by a negative number, and raises for an empty "
            "batch. The standard's own test has one image, one channel and a 5x5 input, and passes.",
        ),
        Fault(
            "onnxruntime_same_crops",
            ("onnxruntime-same",),
            says=r"",
            shows=lambda problem: any(
                (-(-size // stride) - 1) * stride + extent < size
                for size, stride, extent in zip(
                    (problem.height, problem.width), problem.stride, problem.kernel_extent, strict=True
                )
            ),
            note="Silent. The standard's formula gives a negative number of rows there. Its words are to *pad* the "
            "input, and its reference evaluator pads none. See also "
            "[microsoft/onnxruntime#10086](https://github.com/microsoft/onnxruntime/issues/10086).",
        ),
    )
}
