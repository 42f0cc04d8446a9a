"""The tables that `refconv kernels` prints: one report in detail, and many side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from refconv_cuda.kernel_report.figures import Figures, Report, brief
from refconv_cuda.kernel_report.sass import CLASSES
from refconv_cuda.kernel_report.verdict import STEP, faults, in_registers

NAME_WIDTH, CELL_WIDTH = 53, 7


def detail(report: Report) -> Iterator[str]:
    """The lines of one report: under each kernel, its figures, once for all the architectures that share them.

    With the bytes that it spills stands what it would be without: how many blocks a multiprocessor would hold.
    """
    for name, kernel in report.kernels.items():
        yield f"{name}, {kernel.threads} threads a block"
        alike: dict[str, list[str]] = {}
        for architecture, figures in kernel.on.items():
            # Only the architectures without a letter have their loop looked at: the others may stand beside theirs.
            plain = kernel.on.get(architecture.rstrip("af"), figures)
            shown = plain if replace(plain, loop=figures.loop) == figures else figures
            alike.setdefault(_row(shown, architecture, kernel.threads), []).append(architecture)
        for row, architectures in alike.items():
            yield f"  {brief(architectures)}"
            yield f"    {row}"
        yield ""
    yield from totals([report])


def _row(figures: Figures, architecture: str, threads: int) -> str:
    if figures.error:
        return f"does not compile: {figures.error}"
    spills = "no spills"
    if figures.spilled:
        without = in_registers(figures, architecture, threads)
        spills = f"spills {figures.spilled} bytes" + (f" (or {_count(without.blocks, 'block')})" if without else "")
    parts = [f"{figures.registers} registers", spills, f"{figures.shared} bytes shared"]
    if figures.occupancy is not None:
        blocks = _count(figures.blocks or 0, "block")
        parts.append(f"occupancy {figures.occupancy:.2f} ({blocks}, by {figures.limit})")
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
    kernels = dict.fromkeys(name for report in reports for name in report.kernels)
    names = dict.fromkeys(architecture for report in reports for architecture in report.architectures)
    architectures = sorted(names, key=_age)
    for name in kernels:
        alike: dict[tuple[str, ...], list[str]] = {}
        for architecture in architectures:
            cells = tuple(_cell(report, name, architecture) for report in reports)
            alike.setdefault(cells, []).append(architecture)
        yield _line(name, [report.cuda for report in reports])
        for cells, together in alike.items():
            yield from _wrapped(brief(together), cells)
        yield ""
    yield "A number: it compiles without a warning, and takes so many registers a thread; + the bytes that it spills."
    yield "-: unknown to this CUDA, or without what the kernel needs. FAILS: the kernel does not compile."
    yield ""
    yield from totals(reports)


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
        every = [figures for kernel in report.kernels.values() for figures in kernel.on.values()]
        compiled = [figures for figures in every if not figures.error]
        spilling = [figures.spilled for figures in compiled if figures.spilled]
        any_spills = any_spills or bool(spilling)
        spills = f"{len(spilling)} spill, at most {max(spilling)} bytes" if spilling else "none spills"
        yield (
            f"CUDA {report.cuda} (NVRTC {report.nvrtc}): {_count(len(report.kernels), 'kernel')} on "
            f"{_count(len(report.architectures), 'architecture')}: {len(compiled)} of {len(every)} ok, {spills}"
        )
    found = [f"CUDA {report.cuda}: {fault}" for report in reports for fault in faults(report)]
    if found:
        yield from found
    elif any_spills:
        yield (
            f"No spill exceeds {STEP} registers, and with those registers a multiprocessor would hold fewer blocks: "
            "each is a trade that ptxas chose, no fault"
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)


def _age(architecture: str) -> tuple[int, str]:
    number = architecture.removeprefix("sm_")
    return int(number.rstrip("af")), number
