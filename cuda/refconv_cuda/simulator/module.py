"""RawModule and RawKernel: CuPy's two classes, for kernels that run on this machine's CPU."""

from __future__ import annotations

import ctypes
import functools
import operator
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from refconv_cuda.simulator import abi, build, findings, memory, ptx, schedule, symbols
from refconv_cuda.simulator.arguments import Slot, arrange
from refconv_cuda.simulator.build import Kind
from refconv_cuda.simulator.preprocessor import by_file, preprocessed, relevant_options
from refconv_cuda.simulator.refused import refuse
from refconv_cuda.simulator.translation_unit import MOST_DYNAMIC_SHARED, Declaration, declarations, translation_unit

# CUDA's limits, the same on every architecture since 3.0.
GRID_LIMITS = (2**31 - 1, 65535, 65535)
BLOCK_LIMITS = (1024, 1024, 64)
MOST_THREADS = 1024
STEP_BUDGET = 10**9  # about ten seconds of a checked launch
SHARED_FROM = 2**13  # threads of a launch: with fewer, operating-system threads cost more than they save
MOST_WORKERS = 16  # as in runtime/trap.h

# A launch owns the process's signal handlers while it runs, and the stacks that all modules share: a module of its own
# for each template instance would otherwise use up the mappings that Linux allows a process.
_launching = threading.RLock()
_stacks = (abi.StackMemory * MOST_WORKERS)()


class _Build(NamedTuple):
    """A module built one way: its kernels, and its file's symbols if it is checked."""

    library: ctypes.CDLL
    kernels: dict[str, abi.Kernel]
    image: symbols.Image | None


class RawModule:
    """Kernels of one CUDA C file, compiled when the first is launched or asked for.

    Exactly one of ``code`` and ``path`` (of a .cu file). ``options``: ``-D``, ``-U`` and ``-I`` are used, what else
    NVRTC takes is accepted and has no meaning here. ``name_expressions``: template instances, ``"kernel<float>"``.
    ``check``: watch every access to memory, and stop at the first that is wrong; None leaves it to `checked`.
    ``step_budget``: how many accesses a checked launch may make before it counts as endless; 0 for no limit.
    ``threads``: how many operating-system threads may share the blocks of a large launch, if it is unchecked and in
    order. It is for kernels whose blocks do not depend on each other; what several add up with float atomics then
    depends on chance.
    """

    def __init__(
        self,
        *,
        code: str | None = None,
        path: str | Path | None = None,
        options: Sequence[str] = (),
        name_expressions: Sequence[str] = (),
        check: bool | None = None,
        step_budget: int = STEP_BUDGET,
        threads: int = 1,
    ) -> None:
        if (code is None) == (path is None):
            raise TypeError("exactly one of code and path must be given")
        self._file = str(Path(path).absolute()) if path is not None else "<code>"
        self._folder = Path(self._file).parent if path is not None else None
        try:
            self.code = Path(self._file).read_text(encoding="utf-8") if code is None else code
        except UnicodeDecodeError as error:
            raise ValueError(f"path = {path} must be CUDA C in UTF-8: {error}") from None
        self._options = relevant_options(options)
        self._name_expressions = tuple(name_expressions)
        self.check = check
        self.step_budget = step_budget
        self.threads = _whole("threads", threads)
        if self.threads < 1:
            raise ValueError(f"threads = {threads} must be at least 1")
        self._builds: dict[Kind, _Build] = {}

    def get_function(self, name: str) -> RawKernel:
        """The kernel of that name, or that name expression. Raises ``ValueError`` for one that there is not."""
        known = self.build().kernels
        if name not in known:
            raise ValueError(f"{self._file} has no kernel {name!r}; it has {', '.join(known) or 'none'}")
        return RawKernel._of(self, name)

    @functools.cached_property
    def _text(self) -> str:
        text = preprocessed(self.code, self._file, self._options, self._folder)
        for file, code in by_file(text).items():
            refuse(code, file)
        return ptx.translated(text)

    @functools.cached_property
    def declared(self) -> dict[str, Declaration]:
        """The kernels that the source declares, by name."""
        return declarations(self._text)

    def is_checked(self) -> bool:
        """Whether a launch now would be checked."""
        return schedule.checking() if self.check is None else self.check

    def build(self, *, shared_out: bool = False) -> _Build:
        """The module, built with or without the checker as it was made, or as `checked` says now.

        shared_out: such that several operating-system threads can run it, which the checker cannot.
        """
        kind = Kind.THREADS if shared_out else Kind.CHECKED if self.is_checked() else Kind.PLAIN
        if kind not in self._builds:
            self._builds[kind] = self._build(kind)
        return self._builds[kind]

    def workers(self, blocks: int, threads: int) -> int:
        """How many operating-system threads share a launch of so many blocks and threads, if it came now."""
        if self.is_checked() or schedule.current().order != "in order" or blocks * threads < SHARED_FROM:
            return 1
        return min(self.threads, blocks, MOST_WORKERS)

    def _build(self, kind: Kind) -> _Build:
        plain = [name for name, kernel in self.declared.items() if not kernel.is_template]
        names = tuple(dict.fromkeys([*plain, *self._name_expressions]))
        library, file = build.library(translation_unit(self._text, names), kind)
        table = (abi.Kernel * len(names)).in_dll(library, "refconv_kernels")
        image = symbols.Image(file) if kind is Kind.CHECKED else None
        return _Build(library, dict(zip(names, table, strict=True)), image)


class RawKernel:
    """One kernel: ``kernel(grid, block, arguments, shared_mem=...)``, on NumPy arrays."""

    name: str
    _module: RawModule

    def __new__(
        cls, code: str, name: str, options: Sequence[str] = (), *, check: bool | None = None, threads: int = 1
    ) -> RawKernel:
        """The kernel ``name`` of ``code``, as `RawModule` would give it."""
        return RawModule(code=code, options=options, check=check, threads=threads).get_function(name)

    @classmethod
    def _of(cls, module: RawModule, name: str) -> RawKernel:
        self = object.__new__(cls)
        self.name = name
        self._module = module
        return self

    @functools.cached_property
    def _slots(self) -> list[Slot]:
        """The parameters as the compiler sees them, and as the source spells them."""
        kernel = self._module.build().kernels[self.name]
        declaration = self._module.declared.get(self.name.split("<")[0].strip())
        texts = declaration.parameters if declaration else ()
        if len(texts) != kernel.parameter_count:
            texts = tuple(f"parameter {i}" for i in range(kernel.parameter_count))
        return [Slot.of(self.name, i, text, kernel.parameters[i]) for i, text in enumerate(texts)]

    def __call__(
        self, grid: Sequence[int], block: Sequence[int], args: Sequence[object], *, shared_mem: int = 0
    ) -> None:
        """Runs the kernel to its end, under the schedule in force.

        grid, block: one to three numbers. args: see `refconv_cuda.simulator.arguments`; arrays outside device memory
        are copied in and, unless the parameter is const, copied back. shared_mem: bytes of dynamic shared memory.
        Raises ``TypeError`` and ``ValueError`` for a launch that is no launch, `KernelError` for one that went wrong,
        and lets a signal that arrived meanwhile do what it does (Ctrl-C: ``KeyboardInterrupt``).
        """
        shared_mem = _whole("shared_mem", shared_mem)
        grid_index = _index("grid", grid, GRID_LIMITS)
        block_index = _index("block", block, BLOCK_LIMITS)
        threads = block_index.x * block_index.y * block_index.z
        if threads > MOST_THREADS:
            raise ValueError(f"block = {tuple(block)} has {threads} threads, but at most {MOST_THREADS} fit")
        if not 0 <= shared_mem <= MOST_DYNAMIC_SHARED:
            raise ValueError(f"shared_mem = {shared_mem} must be at least 0 and at most {MOST_DYNAMIC_SHARED} bytes")
        arguments = arrange(self.name, self._slots, args, check=self._module.is_checked())
        now = schedule.current()
        regions = arguments.regions
        workers = self._module.workers(grid_index.x * grid_index.y * grid_index.z, threads)
        launch = abi.Launch(
            grid=grid_index,
            block=block_index,
            order=schedule.ORDERS.index(now.order),
            seed=now.seed,
            step_budget=self._module.step_budget,
            dynamic_shared=shared_mem,
            poison=now.poison,
            canary=memory.CANARY,
            workers=workers,
            region_count=len(regions),
            regions=regions,
            stacks=_stacks,
        )
        finding = abi.Finding()
        built = self._module.build(shared_out=workers > 1)
        kernel = ctypes.addressof(built.kernels[self.name])
        with _launching:
            try:
                # A signal that came a moment before is Python's to handle, and has its turn here: after the launch,
                # which may wait for it, would be too late. Its handler may launch something itself, which then ends.
                while built.library.refconv_begin():
                    signal.pthread_sigmask(signal.SIG_BLOCK, ())
                kind = built.library.refconv_launch(
                    kernel, arguments.pointers, ctypes.byref(launch), ctypes.byref(finding)
                )
            finally:
                built.library.refconv_end()
        if kind != abi.NONE:
            raise findings.error(self.name, finding, arguments, now, built.image)
        arguments.launched()
        for original, device in arguments.copies:
            original[...] = device


def _index(name: str, sizes: object, limits: tuple[int, int, int]) -> abi.Index:
    if not isinstance(sizes, (tuple, list, np.ndarray)):
        raise TypeError(f"{name} = {sizes!r} must be one to three whole numbers in a tuple")
    if not 1 <= len(sizes) <= 3:
        raise ValueError(f"{name} = {tuple(sizes)} must have one to three numbers")
    full = [*(_whole(name, size) for size in sizes), 1, 1][:3]
    for axis, size, limit in zip("xyz", full, limits, strict=True):
        if not 1 <= size <= limit:
            raise ValueError(f"{name}.{axis} = {size} must be at least 1 and at most {limit}")
    return abi.Index(*full)


def _whole(name: str, value: object) -> int:
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name}: {value!r} must be a whole number") from None
