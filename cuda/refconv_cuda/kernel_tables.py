"""The tables that `refconv kernels` prints: one report in detail, and many side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from refconv_cuda.kernel_figures import Figures, Report
from refconv_cuda.kernel_spills import STEP, explained
from refconv_cuda.sass import CLASSES


def detail(report: Report) -> Iterator[str]:
    """The lines of one report: under each kernel, its figures, once for all the architectures that share them."""
    yield f"NVRTC {report.nvrtc}: {len(report.kernels)} kernels on {len(report.architectures)} architectures"
    for name, kernel in report.kernels.items():
        yield ""
        yield f"{name}, {kernel.threads} threads a block"
        alike: dict[str, list[str]] = {}
        for architecture, figures in kernel.on.items():
            # Only the architectures without a letter have their loop looked at: the others may stand beside theirs.
            plain = kernel.on.get(architecture.rstrip("af"), figures)
            shown = plain if replace(plain, loop=figures.loop) == figures else figures
            alike.setdefault(_row(shown), []).append(architecture)
        for row, architectures in alike.items():
            yield f"  {_short(architectures)}"
            yield f"    {row}"


def _row(figures: Figures) -> str:
    if figures.error:
        return f"does not compile: {figures.error}"
    spills = f"spills {figures.spilled} bytes" if figures.spilled else "no spills"
    parts = [f"{figures.registers} registers", spills, f"{figures.shared} bytes shared"]
    if figures.occupancy is not None:
        parts.append(f"occupancy {figures.occupancy:.2f} ({figures.blocks} blocks, by {figures.limit})")
    if figures.loop is not None:
        parts.append(_loop(figures.loop))
    return ", ".join(parts)


def _loop(loop: Mapping[str, int]) -> str:
    total = sum(loop.values())
    shares = [f"{name} {loop[name] / total:.0%}" for name in CLASSES if loop.get(name)]
    return f"main loop of {total} instructions: {' '.join(shares)}"


def side_by_side(reports: Sequence[Report]) -> Iterator[str]:
    """One table of many reports: kernel by architecture by CUDA version.

    A cell has the registers, with ``+`` and the bytes that a thread spills, if any; ``-`` where that version does not
    know the architecture, ``FAILS`` where the kernel does not compile. Architectures with the same row share it.
    """
    yield "Registers of a thread, + bytes spilled; - where CUDA does not know the architecture; FAILS"
    kernels = {name: kernel.threads for report in reports for name, kernel in report.kernels.items()}
    names = dict.fromkeys(architecture for report in reports for architecture in report.architectures)
    architectures = sorted(names, key=_age)
    for name in kernels:
        alike: dict[tuple[str, ...], list[str]] = {}
        for architecture in architectures:
            cells = tuple(_cell(report, name, architecture) for report in reports)
            alike.setdefault(cells, []).append(architecture)
        yield ""
        yield _line(name, [report.cuda for report in reports])
        for cells, together in alike.items():
            yield from _wrapped(_short(together), cells)
    yield ""
    yield from totals(reports)


NAME_WIDTH, CELL_WIDTH = 50, 7


def _line(head: str, cells: Sequence[str]) -> str:
    return f"{head:<{NAME_WIDTH}}" + "".join(f"{cell:>{CELL_WIDTH}}" for cell in cells)


def _wrapped(head: str, cells: Sequence[str]) -> Iterator[str]:
    """A row whose name may take several lines; the cells come with the first."""
    lines = [""]
    for word in head.split():
        if len(lines[-1]) + len(word) + 3 > NAME_WIDTH:
            lines.append("")
        lines[-1] += f" {word}"
    yield _line(f" {lines[0]}", cells)
    yield from (f"    {line}" for line in lines[1:])


def _cell(report: Report, name: str, architecture: str) -> str:
    kernel = report.kernels.get(name)
    figures = kernel.on.get(architecture) if kernel else None
    if figures is None:
        return "-"
    if figures.error:
        return "FAILS"
    return f"{figures.registers}+{figures.spilled}" if figures.spilled else f"{figures.registers}"


def totals(reports: Sequence[Report]) -> Iterator[str]:
    """For each CUDA version how many kernels compiled and how many spill; then what is wrong, if anything."""
    any_spills = False
    for report in reports:
        every = [
            (architecture, kernel.threads, figures)
            for kernel in report.kernels.values()
            for architecture, figures in kernel.on.items()
        ]
        compiled = [each for each in every if not each[2].error]
        spilling = [figures.spilled for _, _, figures in compiled if figures.spilled]
        any_spills = any_spills or bool(spilling)
        spills = f"{len(spilling)} spill, at most {max(spilling)} bytes" if spilling else "none spills"
        yield (
            f"CUDA {report.cuda} (NVRTC {report.nvrtc}): {len(report.kernels)} kernels on {len(report.architectures)} "
            f"architectures: {len(compiled)} of {len(every)} ok, {spills}"
        )
    found = [f"CUDA {report.cuda}: {fault}" for report in reports for fault in faults(report)]
    if found:
        yield from found
    elif any_spills:
        yield (
            f"No spill exceeds {STEP} registers, and with those registers a multiprocessor would hold fewer blocks: "
            "each is a trade that ptxas chose, no fault"
        )


def faults(report: Report) -> list[str]:
    """What fails the check of a report by itself: kernels that do not compile, or spill and gain no block by it."""
    found: dict[str, list[str]] = {}
    for name, kernel in report.kernels.items():
        for architecture, figures in kernel.on.items():
            if figures.error:
                found.setdefault(f"{name} does not compile: {figures.error}", []).append(architecture)
            elif not explained(figures, architecture, kernel.threads):
                text = f"{name} spills {figures.spilled} bytes and gains no block by it"
                found.setdefault(text, []).append(architecture)
    return [f"{_short(architectures)}: {text}" for text, architectures in found.items()]


def _short(architectures: Sequence[str]) -> str:
    """``sm_80 86 90``."""
    return "sm_" + " ".join(architecture.removeprefix("sm_") for architecture in architectures)


def _age(architecture: str) -> tuple[int, str]:
    number = architecture.removeprefix("sm_")
    return int(number.rstrip("af")), number
