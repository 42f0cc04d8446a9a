"""Compiles kernels for many architectures, one process for each processor, and collects their figures."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from refconv_cuda import instances, nvrtc
from refconv_cuda.device import KERNELS
from refconv_cuda.kernel_report import sass
from refconv_cuda.kernel_report.figures import Figures, KernelFigures, Report
from refconv_cuda.nvrtc.occupancy import capability


@dataclass(frozen=True)
class Source:
    """What is compiled at once: one of our own files with all its instances, or a user's.

    threads: of a block, by name expression; threads_of_others: for a file's kernels that are no templates. path: of a
    user's file, with the options to compile it; None for ours. dynamic_shared: bytes that a block is given at the
    launch.
    """

    file: str
    threads: dict[str, int]
    threads_of_others: int = 0
    path: Path | None = None
    options: tuple[str, ...] = nvrtc.OPTIONS
    dynamic_shared: int = 0

    def is_for(self, architecture: str) -> bool:
        """Whether there is something to compile for that architecture: some of our kernels need a newer one."""
        return self.path is not None or bool(instances.of_file(self.file, capability(architecture)))

    def compile(self, architecture: str) -> nvrtc.Compiled:
        """Raises `refconv_cuda.nvrtc.CompileError`."""
        if self.path is None:
            return nvrtc.compile_ours(self.file, architecture)
        return nvrtc.compile_file(self.path, architecture, names=tuple(self.threads), options=self.options)


def ours() -> list[Source]:
    """All our kernel files, in all instances that the launchers use."""
    return [
        Source(file, {instance.name: instance.threads for instance in instances.of_file(file)})
        for file in instances.FILES
    ]


def survey(
    sources: Sequence[Source], architectures: Sequence[str], jobs: int, progress: Callable[[int, int], None]
) -> Report:
    """The figures of every kernel of the sources on each architecture.

    progress: called with how many compilations of how many are done. Raises `refconv_cuda.nvrtc.NvrtcMissing`.
    """
    kernels: dict[str, KernelFigures] = {
        name: KernelFigures(source.file, threads) for source in sources for name, threads in source.threads.items()
    }
    tasks = [
        (source, architecture) for source in sources for architecture in architectures if source.is_for(architecture)
    ]
    for done, (source, architecture, found) in enumerate(_measured(tasks, jobs), start=1):
        for name, figures in found.items():
            threads = source.threads.get(name, source.threads_of_others)
            kernels.setdefault(name, KernelFigures(source.file, threads)).on[architecture] = figures
        progress(done, len(tasks))
    return Report(nvrtc.release(), tuple(architectures), kernels)


def _measured(tasks: Sequence[tuple[Source, str]], jobs: int) -> Iterator[tuple[Source, str, dict[str, Figures]]]:
    if jobs == 1:
        yield from ((*task, measure(*task)) for task in tasks)
        return
    # Fresh processes: NVRTC has threads, which a fork would not take along.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for task, found in zip(tasks, pool.map(measure, *zip(*tasks, strict=True)), strict=True):
            yield *task, found


def measure(source: Source, architecture: str) -> dict[str, Figures]:
    """The figures of each kernel of a source; where it does not compile, its kernels share the error."""
    try:
        compiled = source.compile(architecture)
    except nvrtc.CompileError as error:
        # Below kernels/, wherever that is installed: a report is the same on every machine.
        text = ("; ".join(map(str, error.diagnostics)) or error.log).replace(f"{KERNELS}/", "kernels/")
        return {name: Figures(error=text) for name in source.threads or [source.file]}
    loops = _loops(compiled)
    found = {}
    for name, taken in compiled.kernels.items():
        threads = source.threads.get(name, source.threads_of_others)
        on = compiled.occupancy(name, threads=threads, dynamic_shared=source.dynamic_shared)
        found[name] = Figures(
            registers=taken.registers,
            shared=taken.shared + source.dynamic_shared,
            spill_stores=taken.spill_stores,
            spill_loads=taken.spill_loads,
            blocks=on.blocks if on else None,
            occupancy=round(on.fraction, 4) if on else None,
            limit=on.limit if on else None,
            loop=loops.get(name),
        )
    return found


def _loops(compiled: nvrtc.Compiled) -> dict[str, dict[str, int]]:
    """The main loop of each kernel that has one, by class of instruction.

    nvdisasm takes as long as the compiler, so the architectures with a letter, whose code is that of their number
    unless a kernel asks for more, go without.
    """
    tool = sass.disassembler()
    if tool is None or compiled.cubin is None or not compiled.architecture[-1].isdigit():
        return {}
    code = sass.disassemble(compiled.cubin, tool)
    loops = {name: sass.main_loop(code[symbol]) for name, symbol in compiled.mangled.items() if symbol in code}
    return {name: dict(sorted(sass.mix(loop).items())) for name, loop in loops.items() if loop}
