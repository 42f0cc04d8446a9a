"""Which template instances each kernel file is built with: what the launchers in `convolution` ask their device for.

The names follow from `convolution`'s own constants, and a self-test launches every implementation to see that it asks
for these and no others. `nvrtc` compiles them all where there is no GPU to ask for one.
"""

from __future__ import annotations

from dataclasses import dataclass

from refconv_cuda.convolution import C_NAMES, ELEMENTWISE_THREADS, LARGE, SMALL

OPERATORS = ("forward", "grad_input", "grad_weight")


@dataclass(frozen=True)
class Instance:
    """A kernel that the launchers use.

    file: below ``kernels/``. name: as ``Device.kernel`` takes it. threads: of a block, as it is launched.
    """

    file: str
    name: str
    threads: int


def _instances() -> tuple[Instance, ...]:
    found: list[Instance] = []
    for real in C_NAMES.values():
        found += [Instance(f"{name}.cu", f"{name}<{real}>", ELEMENTWISE_THREADS) for name in ("im2col", "col2im")]
        for operator in OPERATORS:
            kernel = f"implicit_gemm_{operator}"
            for tile in (SMALL, LARGE):
                found.append(Instance(f"{kernel}.cu", f"{kernel}<{real}, {tile.arguments()}>", tile.threads))
        found.append(Instance("implicit_gemm_grad_weight.cu", f"sum_splits<{real}>", ELEMENTWISE_THREADS))
    return tuple(sorted(found, key=lambda instance: instance.file))


INSTANCES = _instances()
FILES = tuple(dict.fromkeys(instance.file for instance in INSTANCES))


def of_file(file: str) -> tuple[Instance, ...]:
    """The instances that ``kernels/<file>`` is built with; none for a file that no launcher knows."""
    return tuple(instance for instance in INSTANCES if instance.file == file)
