"""What ptxas says of each kernel under ``-v``: registers, spills, stack, shared memory.

The log of CUDA 11.8; from 12.8 on the last line also counts barriers and cumulative stack:

    ptxas info    : Compiling entry function '_Z1fPi' for 'sm_80'
    ptxas info    : Function properties for _Z1fPi
    ptxas         .     1152 bytes stack frame, 1036 bytes spill stores, 1368 bytes spill loads
    ptxas info    : Used 24 registers, 360 bytes cmem[0]
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Resources:
    """What a kernel takes. registers: of a thread. shared: static bytes of a block. The rest: bytes of a thread.

    spill_stores and spill_loads count the bytes that a thread moves where every such instruction runs once. A function
    that a kernel calls counts with it.
    """

    registers: int
    shared: int = 0
    stack: int = 0
    spill_stores: int = 0
    spill_loads: int = 0


_ENTRY = re.compile(r"Compiling entry function '(\S+)' for")
_FRAME = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers(.*)")
_SHARED = re.compile(r"(\d+) bytes smem")


def read(log: str) -> dict[str, Resources]:
    """The resources of each kernel of a log, by its mangled name. Empty for a log without ``-v``'s lines."""
    found: dict[str, dict[str, int]] = {}
    entry = ""
    for line in log.splitlines():
        if match := _ENTRY.search(line):
            entry = match[1]
            found[entry] = {"registers": 0, "shared": 0, "stack": 0, "spill_stores": 0, "spill_loads": 0}
        elif not entry:
            continue  # a function's properties before any kernel's
        elif match := _FRAME.search(line):
            for name, value in zip(("stack", "spill_stores", "spill_loads"), match.groups(), strict=True):
                found[entry][name] += int(value)
        elif match := _USED.search(line):
            found[entry]["registers"] = int(match[1])
            shared = _SHARED.search(match[2])
            found[entry]["shared"] = int(shared[1]) if shared else 0
    return {name: Resources(**values) for name, values in found.items()}
