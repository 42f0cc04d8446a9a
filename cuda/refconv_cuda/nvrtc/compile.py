"""A kernel file, compiled; or every complaint about it, with the file's own line, warnings included."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refconv_cuda import gpu, instances
from refconv_cuda.device import KERNELS
from refconv_cuda.nvrtc import library, log
from refconv_cuda.nvrtc.log import Diagnostic, Resources
from refconv_cuda.nvrtc.occupancy import Occupancy, capability, occupancy

OPTIONS = ("-std=c++14",)
MOST_SHARED = 48 * 1024  # bytes that a block may declare; more must be asked for at the launch
# The newest C++ that every NVRTC here reads; 11.8 refuses c++20 by its option, before it looks at a single line.
_OLD_STANDARD = "c++17"


class CompileError(Exception):
    """A file that does not compile without warnings. diagnostics: what is wrong, with its lines. log: NVRTC's own."""

    def __init__(self, path: Path, architecture: str, found: Sequence[Diagnostic], said: str) -> None:
        what = "\n".join(map(str, found)) or said or str(path)
        super().__init__(f"NVRTC {library.release()}, {architecture}: {what}")
        self.diagnostics = tuple(found)
        self.log = said


@dataclass(frozen=True)
class Compiled:
    """What NVRTC made of a file.

    version: of CUDA, as (12, 9). ptx: text. cubin: machine code, None for a ``compute_XX`` architecture. kernels: what
    each takes, by its name expression, or by its mangled name where none was asked for; empty without a cubin.
    mangled: the name in the PTX and the machine code, for each name expression.
    """

    version: tuple[int, int]
    architecture: str
    log: str
    ptx: str
    cubin: bytes | None
    kernels: dict[str, Resources]
    mangled: dict[str, str]

    def occupancy(self, name: str, *, threads: int, dynamic_shared: int = 0) -> Occupancy | None:
        """Of a kernel in blocks of ``threads`` with so many bytes of shared memory given at the launch, on this GPU.

        None where the architecture's limits are unknown. Raises ``ValueError`` for a block that no launch can have.
        """
        taken = self.kernels[name]
        shared = taken.shared + dynamic_shared
        return occupancy(self.architecture, threads=threads, registers=taken.registers, shared=shared)


def compile_ours(file: str, architecture: str) -> Compiled:
    """``kernels/<file>`` in the instances that the architecture has, with the code and options that CuPy is given.

    Raises `NvrtcMissing`, and `CompileError` for a warning, too.
    """
    asked = [instance.name for instance in instances.of_file(file, capability(architecture))]
    arguments = gpu.raw_module_arguments(file, "")
    # CuPy adds the headers of CUDA itself.
    options = (*arguments["options"], *(f"-I{directory}" for directory in library.headers()))
    return _compile(KERNELS / file, arguments["code"], asked, options, architecture)


def compile_file(
    path: Path, architecture: str, *, names: Sequence[str] = (), options: Sequence[str] = OPTIONS
) -> Compiled:
    """A file of anyone's. Includes are found beside it and in the CUDA headers of this environment.

    names: name expressions of template instances, as ``kernel<float>``; kernels that are no templates need none.
    architecture: ``sm_90`` for machine code and PTX, ``compute_90`` for PTX. Raises `NvrtcMissing`, ``OSError`` and
    ``UnicodeDecodeError`` where there is no such text, and `CompileError` for a warning, too.
    """
    code = f"#line 1 {json.dumps(str(path), ensure_ascii=False)}\n{path.read_text(encoding='utf-8')}"
    found = [*options, f"-I{path.parent}", *(f"-I{directory}" for directory in library.headers())]
    return _compile(path, code, names, found, architecture)


def _compile(path: Path, code: str, names: Sequence[str], options: Sequence[str], architecture: str) -> Compiled:
    capability(architecture)
    given = [*options, f"-arch={architecture}"]
    verbose = [] if architecture.startswith("compute") else ["--ptxas-options=-v"]
    done = library.run(code, path.name, names, [*given, *verbose])
    found = log.diagnostics(done.log)
    if not done.ok:
        found = _located(found, code, path.name, names, given) + _in_older_c(code, path.name, names, given, done.log)
    kernels = log.resources(done.log)
    found += _too_much_shared_memory(path, kernels)
    if not done.ok or found:
        raise CompileError(path, architecture, found, done.log)
    mangled = done.mangled or {name: name for name in kernels}
    return Compiled(
        version=library.version(),
        architecture=architecture,
        log=done.log,
        ptx=done.ptx,
        cubin=done.cubin,
        kernels={name: kernels[symbol] for name, symbol in mangled.items() if symbol in kernels},
        mangled=mangled,
    )


def _located(
    found: list[Diagnostic], code: str, name: str, names: Sequence[str], options: Sequence[str]
) -> list[Diagnostic]:
    """The same complaints, with our own lines in place of those of the PTX."""
    if all(each.ptx_line is None for each in found):
        return found
    # Once more with line numbers in the PTX; then the PTX alone, which ptxas does not see and so cannot refuse.
    again = [*options, "-lineinfo"]
    found = log.diagnostics(library.run(code, name, names, again).log)
    ptx = library.run(code, name, names, [option.replace("-arch=sm_", "-arch=compute_") for option in again]).ptx
    located = []
    for each in found:
        place = None if each.ptx_line is None else log.source_line(ptx, each.ptx_line)
        located.append(each if place is None else Diagnostic(each.kind, each.text, *place))
    return located


def _too_much_shared_memory(path: Path, kernels: dict[str, Resources]) -> list[Diagnostic]:
    """What ptxas refuses in every version but 12.4, which makes kernels that no GPU launches."""
    return [
        Diagnostic("error", f"{name} of {path} declares {taken.shared} bytes of shared memory, more than {MOST_SHARED}")
        for name, taken in kernels.items()
        if taken.shared > MOST_SHARED
    ]


def _in_older_c(code: str, name: str, names: Sequence[str], options: Sequence[str], said: str) -> list[Diagnostic]:
    """Where a file needs the C++ that its ``-std`` asks for, if this NVRTC is too old to know it."""
    if "invalid value for --std" not in said:
        return []
    older = [f"-std={_OLD_STANDARD}" if option.startswith(("-std=", "--std=")) else option for option in options]
    return log.diagnostics(library.run(code, name, names, older).log)
