"""What has changed between two reports of the same kernels: what is worse, and what is merely different."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from refconv_cuda.kernel_figures import Figures, Report
from refconv_cuda.kernel_spills import explained


@dataclass(frozen=True)
class Comparison:
    """worse: a kernel that compiles no longer, begins to spill, spills more, or loses occupancy; each fails the check.

    notes: what came, went, or changed without harm.
    """

    worse: tuple[str, ...]
    notes: tuple[str, ...]


def compare(before: Report, after: Report) -> Comparison:
    """Sentences, those alike for several architectures as one. The reports may be of different CUDA versions."""
    worse: dict[tuple[str, str], list[str]] = {}
    notes: dict[tuple[str, str], list[str]] = {}
    for name, kernel in before.kernels.items():
        if name not in after.kernels:
            notes.setdefault((name, "is gone"), [])
            continue
        for architecture, old in kernel.on.items():
            new = after.kernels[name].on.get(architecture)
            if new is None and architecture in after.architectures:
                worse.setdefault((name, "is missing"), []).append(architecture)
            if new is None:
                continue
            for is_worse, text in _changes(old, new, architecture, after.kernels[name].threads):
                (worse if is_worse else notes).setdefault((name, text), []).append(architecture)
    for name in after.kernels.keys() - before.kernels.keys():
        notes.setdefault((name, "is new"), [])
    gone = [each for each in before.architectures if each not in after.architectures]
    # Under another CUDA version this is that version's doing; under the same one, nobody looked there.
    (worse if before.cuda == after.cuda else notes).update({("NVRTC", "compiles no longer"): gone} if gone else {})
    return Comparison(_sentences(worse), _sentences(notes))


def _changes(old: Figures, new: Figures, architecture: str, threads: int) -> Iterator[tuple[bool, str]]:
    """Whether it is worse, and what it is."""
    if new.error:
        if new.error != old.error:
            yield old.error is None, f"does not compile: {new.error}"
        return
    if old.error:
        yield False, "compiles again"
        return
    if new.spilled > old.spilled:
        begins = f"spills {new.spilled} bytes a thread, where it spilled {old.spilled or 'none'}"
        yield True, begins + ("" if explained(new, architecture, threads) else ", and gains no block by it")
    elif new.spilled < old.spilled:
        yield False, f"spills {new.spilled or 'no'} bytes a thread, where it spilled {old.spilled}"
    registers = f"registers {old.registers} -> {new.registers}"
    shared = f"shared memory {old.shared} -> {new.shared} bytes"
    causes = [registers] * (old.registers != new.registers) + [shared] * (old.shared != new.shared)
    if old.occupancy is not None and new.occupancy is not None and old.occupancy != new.occupancy:
        change = f"occupancy {old.occupancy:.2f} -> {new.occupancy:.2f}"
        yield new.occupancy < old.occupancy, ", ".join([change, *causes])
    elif causes:
        yield False, ", ".join(causes)


def _sentences(found: dict[tuple[str, str], list[str]]) -> tuple[str, ...]:
    return tuple(
        f"{name} {text}" + (f" on {', '.join(architectures)}" if architectures else "")
        for (name, text), architectures in found.items()
    )
