"""Which spills are right: those of a few bytes that let a multiprocessor hold more blocks.

ptxas gives registers to a warp in steps (`occupancy.REGISTERS_GRANULARITY`). A kernel that needs a register or two more
than a step would get a whole step more, and with it often one block less on the multiprocessor; ptxas then prefers to
keep those words in memory, where the L1 cache has them. ``__launch_bounds__(threads, 1)`` tells it not to: our implicit
GEMMs then spill nowhere, take 8 to 30 registers more, and lose a block of three or two of sixteen. So such a spill is
no fault. One of more than a step, or one that buys nothing, is.
"""

from __future__ import annotations

from refconv_cuda.kernel_figures import Figures
from refconv_cuda.occupancy import REGISTERS_GRANULARITY, WARP, occupancy

WORD = 4  # bytes of a register
STEP = REGISTERS_GRANULARITY // WARP  # registers of a thread


def explained(figures: Figures, architecture: str, threads: int) -> bool:
    """Whether a kernel spills nothing, or no more than a step, and would lose blocks with those words in registers."""
    if figures.spilled == 0:
        return True
    words = -(-figures.spilled // WORD)
    without = occupancy(architecture, threads=threads, registers=figures.registers + words, shared=figures.shared)
    if without is None or figures.blocks is None:
        return False
    return words <= STEP and without.blocks < figures.blocks
