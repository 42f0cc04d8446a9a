"""Which template instances each kernel file is built with: what the launchers ask their device for.

Each launcher says so itself, and a self-test launches every implementation to see that it asks for these and no others.
`nvrtc` compiles them all where there is no GPU to ask for one.
"""

from __future__ import annotations

from refconv_cuda.convolution import KERNELS
from refconv_cuda.launchers.instance import Instance

INSTANCES: tuple[Instance, ...] = tuple(
    sorted(
        {instance for implementation in KERNELS for instance in implementation.instances()},
        key=lambda instance: (instance.file, instance.name),
    )
)
FILES = tuple(dict.fromkeys(instance.file for instance in INSTANCES))


def of_file(file: str, capability: int | None = None) -> tuple[Instance, ...]:
    """The instances that ``kernels/<file>`` is built with; none for a file that no launcher knows.

    capability: only those that such an architecture has what they need for, 80 for sm_80; None: all.
    """
    return tuple(
        instance
        for instance in INSTANCES
        if instance.file == file and (capability is None or instance.least <= capability)
    )
