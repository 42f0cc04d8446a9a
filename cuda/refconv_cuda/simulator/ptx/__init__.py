"""Inline PTX: each ``asm`` statement of a preprocessed text becomes calls of the simulator's words, on the same line.

    asm volatile("cp.async.wait_group %0;" :: "n"(1) : "memory");
    do { ::refconv::ptx::cp_async_wait_group((1)); } while (0);

A PTX register becomes a C++ variable, an instruction an expression (table.py has them all), a guard ``@p`` an ``if``.
What the operands say is evaluated in the user's own function, once, so the checker sees it there. The text is that of
the user's files only: CUDA's words come later, and what ``asm`` they contain is the host's.
"""

from refconv_cuda.simulator.ptx.translation import translated

__all__ = ["translated"]
