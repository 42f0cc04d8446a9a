"""What is wrong with a report: by itself, and beside an earlier one of the same kernels.

By itself, a kernel must compile, and may spill only what buys something. ptxas gives registers to a warp in steps
(`occupancy.REGISTERS_GRANULARITY`). A kernel that needs a register or two more than a step would get a whole step more,
and with it often one block less on the multiprocessor; ptxas then prefers to keep those words in memory.
``__launch_bounds__(threads, 1)`` tells it not to: our implicit GEMMs then spill nowhere, and those that did hold fewer
blocks, as 10 where there were 16. So such a spill is no fault. One of more than a step, or one that buys nothing, is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from refconv_cuda.kernel_report.figures import Figures, Report, brief
from refconv_cuda.nvrtc.occupancy import REGISTERS_GRANULARITY, WARP, Occupancy, occupancy

WORD = 4  # bytes of a register
STEP = REGISTERS_GRANULARITY // WARP  # registers of a thread

# What is said of kernels, with the architectures that it is said of.
_Found = dict[str, list[str]]


def in_registers(figures: Figures, architecture: str, threads: int) -> Occupancy | None:
    """The occupancy with the spilled words in registers; None where the architecture's limits are unknown."""
    registers = figures.registers + _words(figures)
    return occupancy(architecture, threads=threads, registers=registers, shared=figures.shared)


def explained(figures: Figures, architecture: str, threads: int) -> bool:
    """Whether a kernel spills nothing, or no more than a step, and would lose blocks with those words in registers."""
    if figures.spilled == 0:
        return True
    without = in_registers(figures, architecture, threads)
    if without is None or figures.blocks is None:
        return False
    return _words(figures) <= STEP and without.blocks < figures.blocks


def _words(figures: Figures) -> int:
    return -(-figures.spilled // WORD)


def faults(report: Report) -> tuple[str, ...]:
    """What fails the check of a report by itself: kernels that do not compile, or spill and gain no block by it."""
    found: _Found = {}
    for name, kernel in report.kernels.items():
        for architecture, figures in kernel.on.items():
            if figures.error:
                found.setdefault(f"{name} does not compile: {figures.error}", []).append(architecture)
            elif not explained(figures, architecture, kernel.threads):
                text = f"{name} spills {figures.spilled} bytes and gains no block by it"
                found.setdefault(text, []).append(architecture)
    return _sentences(found)


@dataclass(frozen=True)
class Comparison:
    """worse: a kernel that compiles no longer, begins to spill, spills more, or loses occupancy; each fails the check.

    notes: what came, went, or changed without harm.
    """

    worse: tuple[str, ...]
    notes: tuple[str, ...]


def compare(before: Report, after: Report) -> Comparison:
    """Sentences, those alike for several architectures as one, about the architectures that both reports have.

    Registers, and what follows from them, are ptxas's choice, so they are compared under the same CUDA version only;
    of another version it counts that a kernel compiles.
    """
    worse: _Found = {}
    notes: _Found = {}
    same_compiler = before.cuda == after.cuda
    if not same_compiler:
        notes[f"figures of CUDA {before.cuda} and {after.cuda} are not compared, but whether kernels compile"] = []
    if before.kernels.keys().isdisjoint(after.kernels):
        worse["nothing was compared: no kernel is in both reports"] = []
    for name, kernel in before.kernels.items():
        if name not in after.kernels:
            notes[f"{name} is gone"] = []
            continue
        for architecture, old in kernel.on.items():
            if architecture not in after.architectures:
                continue
            new = after.kernels[name].on.get(architecture)
            for is_worse, text in _changes(old, new, same_compiler):
                (worse if is_worse else notes).setdefault(f"{name} {text}", []).append(architecture)
    if gone := [each for each in before.architectures if each not in after.architectures]:
        notes["not compiled this time"] = gone
    for name in after.kernels:
        if name not in before.kernels:
            notes[f"{name} is new"] = []
    return Comparison(_sentences(worse), _sentences(notes))


def _changes(old: Figures, new: Figures | None, same_compiler: bool) -> Iterator[tuple[bool, str]]:
    """Whether it is worse, and what it is."""
    if new is None or new.error:
        if old.error is None:
            yield True, f"does not compile: {new.error}" if new else "is missing"
    elif old.error:
        yield False, "compiles again"
    elif same_compiler:
        yield from _different_figures(old, new)


def _different_figures(old: Figures, new: Figures) -> Iterator[tuple[bool, str]]:
    if new.spilled != old.spilled:
        yield new.spilled > old.spilled, f"spills {new.spilled} bytes a thread, where it spilled {old.spilled}"
    registers = f"registers {old.registers} -> {new.registers}"
    shared = f"shared memory {old.shared} -> {new.shared} bytes"
    causes = [registers] * (old.registers != new.registers) + [shared] * (old.shared != new.shared)
    if old.occupancy is not None and new.occupancy is not None and old.occupancy != new.occupancy:
        change = f"occupancy {old.occupancy:.2f} -> {new.occupancy:.2f}"
        yield new.occupancy < old.occupancy, ", ".join([change, *causes])
    elif causes:
        yield False, ", ".join(causes)


def _sentences(found: _Found) -> tuple[str, ...]:
    return tuple(f"{text} ({brief(names)})" if names else text for text, names in found.items())
