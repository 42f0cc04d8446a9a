"""RawModule and RawKernel: CuPy's two classes, for kernels that run on this machine's CPU."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from refconv_cuda.simulator import abi, build, findings, memory, schedule
from refconv_cuda.simulator.arguments import arrange
from refconv_cuda.simulator.translation_unit import MOST_DYNAMIC_SHARED, Declaration, declarations, translation_unit

# CUDA's limits, the same on every architecture since 3.0.
GRID_LIMITS = (2**31 - 1, 65535, 65535)
BLOCK_LIMITS = (1024, 1024, 64)
MOST_THREADS = 1024

# A launch owns the process's signal handlers while it runs.
_launching = threading.Lock()


class RawModule:
    """Kernels of one CUDA C file, compiled at the first `get_function`.

    Exactly one of ``code`` and ``path`` (of a .cu file). ``options``: ``-D``, ``-U`` and ``-I`` are used, what else
    NVRTC takes is accepted and has no meaning here. ``name_expressions``: template instances, ``"kernel<float>"``.
    """

    def __init__(
        self,
        *,
        code: str | None = None,
        path: str | Path | None = None,
        options: Sequence[str] = (),
        name_expressions: Sequence[str] = (),
    ) -> None:
        if (code is None) == (path is None):
            raise TypeError("exactly one of code and path must be given")
        self._file = str(Path(path).absolute()) if path is not None else "<code>"
        self.code = Path(self._file).read_text() if code is None else code
        self._options = tuple(option for option in options if option.startswith(("-D", "-U", "-I")))
        folders = [Path(option[2:]) for option in self._options if option.startswith("-I")]
        if path is not None:
            folders.append(Path(self._file).parent)
            self._options += (f"-I{Path(self._file).parent}",)
        self._folders = tuple(folders)
        self._name_expressions = tuple(name_expressions)
        self._kernels: dict[str, RawKernel] | None = None

    def get_function(self, name: str) -> RawKernel:
        """The kernel of that name, or that name expression. Raises ``ValueError`` for one that there is not."""
        if self._kernels is None:
            self._kernels = self._compile()
        if name not in self._kernels:
            raise ValueError(f"{self._file} has no kernel {name!r}; it has {', '.join(self._kernels) or 'none'}")
        return self._kernels[name]

    def _compile(self) -> dict[str, RawKernel]:
        declared = declarations("\n".join([self.code, *build.included(self.code, self._folders)]))
        plain = [name for name, kernel in declared.items() if not kernel.is_template]
        names = tuple(dict.fromkeys([*plain, *self._name_expressions]))
        unit = translation_unit(self.code, self._file, names)
        library = build.library(unit, self._options, self._folders)
        table = (abi.Kernel * len(names)).in_dll(library, "refconv_kernels")
        return {
            name: RawKernel._of(library, table[i], declared.get(name.split("<")[0].split("::")[-1].strip()))
            for i, name in enumerate(names)
        }


class RawKernel:
    """One kernel: ``kernel(grid, block, arguments, shared_mem=...)``, on NumPy arrays."""

    def __new__(cls, code: str, name: str, options: Sequence[str] = ()) -> RawKernel:
        """The kernel ``name`` of ``code``, as `RawModule` would give it."""
        return RawModule(code=code, options=options).get_function(name)

    @classmethod
    def _of(cls, library: ctypes.CDLL, kernel: abi.Kernel, declaration: Declaration | None) -> RawKernel:
        self = object.__new__(cls)
        self.name = kernel.name.decode()
        self._library = library
        self._kernel = kernel
        self._parameters = [kernel.parameters[i] for i in range(kernel.parameter_count)]
        texts = declaration.parameters if declaration else ()
        unnamed = tuple(f"parameter {i}" for i in range(len(self._parameters)))
        self._texts = texts if len(texts) == len(self._parameters) else unnamed
        return self

    name: str
    _library: ctypes.CDLL
    _kernel: abi.Kernel
    _parameters: list[abi.Parameter]
    _texts: tuple[str, ...]

    def __call__(
        self, grid: Sequence[int], block: Sequence[int], args: Sequence[object], *, shared_mem: int = 0
    ) -> None:
        """Runs the kernel to its end, under the schedule in force.

        grid, block: one to three numbers. args: see `refconv_cuda.simulator.arguments`; arrays outside device memory
        are copied in and, unless the parameter is const, copied back. shared_mem: bytes of dynamic shared memory.
        Raises ``TypeError`` and ``ValueError`` for a launch that is no launch, `KernelError` for one that went wrong,
        and lets a signal that arrived meanwhile do what it does (Ctrl-C: ``KeyboardInterrupt``).
        """
        grid_index = _index("grid", grid, GRID_LIMITS)
        block_index = _index("block", block, BLOCK_LIMITS)
        threads = block_index.x * block_index.y * block_index.z
        if threads > MOST_THREADS:
            raise ValueError(f"block = {tuple(block)} has {threads} threads, but at most {MOST_THREADS} fit")
        if not 0 <= shared_mem <= MOST_DYNAMIC_SHARED:
            raise ValueError(f"shared_mem = {shared_mem} must be at least 0 and at most {MOST_DYNAMIC_SHARED} bytes")
        arguments = arrange(self.name, self._parameters, self._texts, args)
        now = schedule.current()
        regions = arguments.regions
        launch = abi.Launch(
            grid=grid_index,
            block=block_index,
            order=schedule.ORDERS.index(now.order),
            seed=now.seed,
            dynamic_shared=shared_mem,
            poison=now.poison,
            canary=memory.CANARY,
            region_count=len(regions),
            regions=regions,
        )
        finding = abi.Finding()
        with _launching:
            kind = self._library.refconv_launch(
                ctypes.addressof(self._kernel), arguments.pointers, ctypes.byref(launch), ctypes.byref(finding)
            )
        if kind == abi.INTERRUPTED:
            signal.raise_signal(finding.signal)  # now Python's own handler has its turn
        if kind != abi.NONE:
            raise findings.error(self.name, finding, arguments, now)
        for original, device in arguments.copies:
            if original.flags.writeable:
                original[...] = device


def _index(name: str, sizes: Sequence[int], limits: tuple[int, int, int]) -> abi.Index:
    if not 1 <= len(sizes) <= 3:
        raise ValueError(f"{name} = {tuple(sizes)} must have one to three numbers")
    full = [*map(int, sizes), 1, 1][:3]
    for axis, size, limit in zip("xyz", full, limits, strict=True):
        if not 1 <= size <= limit:
            raise ValueError(f"{name}.{axis} = {size} must be at least 1 and at most {limit}")
    return abi.Index(*full)
