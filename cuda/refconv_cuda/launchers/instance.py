"""A kernel as it is compiled: file, template arguments and block size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Instance:
    """A kernel that a launcher uses.

    file: below ``kernels/``. name: as ``Device.kernel`` takes it. threads: of a block, as it is launched. least: the
    first architecture that has what the kernel needs, as 80 for sm_80; 0 where all have it.
    """

    file: str
    name: str
    threads: int
    least: int = 0
