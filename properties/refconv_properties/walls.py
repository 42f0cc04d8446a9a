"""Operands between walls: memory that no implementation may read or write."""

from __future__ import annotations

import numpy as np

from refconv.operands import Array
from refconv_properties.broken import LawBroken, element

MARGIN = 64  # elements on either side


def walled(values: Array, poison: int) -> tuple[Array, Array]:
    """A wall of a pattern of four bytes, and a contiguous copy of ``values`` in its middle."""
    wall = np.empty(values.size + 2 * MARGIN, values.dtype)
    fill(wall, poison)
    inside = wall[MARGIN : MARGIN + values.size].reshape(values.shape)
    inside[...] = values
    return wall, inside


def assert_stands(operator: str, name: str, wall: Array, poison: int) -> None:
    """Raises `LawBroken` if the wall around the operand ``name`` has changed."""
    intact = np.empty(MARGIN, wall.dtype)
    fill(intact, poison)
    for side, offset in ((wall[:MARGIN], -MARGIN), (wall[-MARGIN:], wall.size - 2 * MARGIN)):
        changed = np.flatnonzero((side.view(np.uint8) != intact.view(np.uint8)).reshape(MARGIN, -1).any(axis=1))
        if changed.size:
            raise LawBroken(
                f"{operator} wrote beside its operand: {element(name, (int(changed[0]) + offset,))} changed"
            )


def fill(array: Array, poison: int) -> None:
    """Fills an array with the pattern of four bytes."""
    data = array.reshape(-1).view(np.uint8)
    data[:] = np.resize(np.frombuffer(poison.to_bytes(4, "little"), np.uint8), data.size)
