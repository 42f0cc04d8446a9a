"""A kernel as it is compiled: file, template arguments and block size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Instance:
    """A kernel that a launcher uses.

    file: below ``kernels/``. name: as ``Device.kernel`` takes it. threads: of a block, as it is launched.
    """

    file: str
    name: str
    threads: int
