"""Compiles CUDA C with the NVRTC of this environment, for any architecture it knows, without a GPU or a driver.

NVRTC comes in wheels, and its binding is NVIDIA's own, cuda-bindings, which has a release for every CUDA line back to
11.8: `refconv[nvrtc]` installs the newest of both. CuPy's binding would do as well, but it comes with all of CuPy, and
``RawModule.compile`` wants a driver. Warnings are errors: what one version warns of, the next one often refuses.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from refconv_cuda import diagnostics, gpu, instances, resources
from refconv_cuda.device import KERNELS
from refconv_cuda.diagnostics import Diagnostic
from refconv_cuda.occupancy import capability
from refconv_cuda.resources import Resources

OPTIONS = ("-std=c++14",)
MOST_SHARED = 48 * 1024  # bytes that a block may declare; more must be asked for at the launch
INSTALL = "pip install 'refconv[nvrtc]'"
# The newest C++ that every NVRTC here reads; 11.8 refuses c++20 by its option, before it looks at a single line.
_OLD_STANDARD = "c++17"


class NvrtcMissing(Exception):
    """There is no NVRTC here; the message says what to install."""


class CompileError(Exception):
    """A file that does not compile without warnings. diagnostics: what is wrong, with its lines. log: NVRTC's own."""

    def __init__(self, path: Path, architecture: str, found: Sequence[Diagnostic], log: str) -> None:
        said = "\n".join(map(str, found)) or log or str(path)
        super().__init__(f"NVRTC {release()}, {architecture}: {said}")
        self.diagnostics = tuple(found)
        self.log = log


@dataclass(frozen=True)
class Compiled:
    """What NVRTC made of a file.

    version: of CUDA, as (12, 9). ptx: text. cubin: machine code, None for a ``compute_XX`` architecture. kernels: what
    each takes, by its name expression, or by its mangled name where it was asked for by none; empty without a cubin.
    """

    version: tuple[int, int]
    architecture: str
    log: str
    ptx: str
    cubin: bytes | None
    kernels: dict[str, Resources]
    mangled: dict[str, str]


@functools.cache
def _binding() -> Any:
    """``cuda.bindings.nvrtc``, with NVRTC loaded. Raises `NvrtcMissing`."""
    try:
        # By its name: a type checker would look for it in this project's own folder cuda/.
        binding = importlib.import_module("cuda.bindings.nvrtc")
    except ImportError as error:
        raise NvrtcMissing(f"compiling needs NVRTC and NVIDIA's cuda-bindings for it ({error}): {INSTALL}") from None
    try:
        binding.nvrtcVersion()
    except RuntimeError:
        found = metadata.version("cuda-bindings")
        major = int(found.partition(".")[0])
        raise NvrtcMissing(
            f"cuda-bindings {found} is here, but it finds no NVRTC {major}: pip install '{_wheel('nvrtc', major)}'"
        ) from None
    return binding


def _wheel(name: str, major: int) -> str:
    """The wheel that has a part of that CUDA; from 13 on they have no suffix."""
    return f"nvidia-cuda-{name}-cu{major}" if major < 13 else f"nvidia-cuda-{name}"


def unavailable() -> str | None:
    """Why nothing can be compiled here, in a sentence that says what to install, or None."""
    try:
        _binding()
    except NvrtcMissing as reason:
        return str(reason)
    return None


def version() -> tuple[int, int]:
    """Of the CUDA that NVRTC belongs to, as (12, 9). Raises `NvrtcMissing`."""
    _, major, minor = _binding().nvrtcVersion()
    return int(major), int(minor)


@functools.cache
def release() -> str:
    """The release of NVRTC's wheel, as ``12.9.86``; ``12.9`` where it comes from elsewhere. Raises `NvrtcMissing`."""
    major, minor = version()
    try:
        found = metadata.version(_wheel("nvrtc", major))
    except metadata.PackageNotFoundError:
        found = ""
    return found if found.startswith(f"{major}.{minor}.") else f"{major}.{minor}"


@functools.cache
def architectures() -> tuple[str, ...]:
    """Every architecture that this NVRTC makes machine code for, oldest first. Raises `NvrtcMissing`.

    NVRTC lists numbers only; the ones with a letter (``sm_90a`` has features that its successors lack, ``sm_100f`` has
    those of its family) are found by trying each on an empty file.
    """
    _, *numbers = _binding().nvrtcGetSupportedArchs()
    listed = numbers[-1] if isinstance(numbers[-1], list) else numbers
    found = []
    for number in sorted(listed):
        lettered = [f"sm_{number}{letter}" for letter in "af"] if number >= 90 else []
        found += [f"sm_{number}", *(name for name in lettered if _run("", "empty.cu", (), [f"-arch={name}"]).ok)]
    return tuple(found)


def compile_ours(file: str, architecture: str) -> Compiled:
    """``kernels/<file>`` in all its instances, with the code and the options that CuPy is called with.

    Raises `NvrtcMissing`, and `CompileError` for a warning, too.
    """
    asked = [instance.name for instance in instances.of_file(file)]
    arguments = gpu.raw_module_arguments(file, "")
    return _compile(KERNELS / file, arguments["code"], asked, arguments["options"], architecture)


def compile_file(
    path: Path, architecture: str, *, names: Sequence[str] = (), options: Sequence[str] = OPTIONS
) -> Compiled:
    """A file of anyone's. Includes are found beside it and in the CUDA headers of this environment.

    names: name expressions of template instances, as ``kernel<float>``; kernels that are no templates need none.
    architecture: ``sm_90`` for machine code and PTX, ``compute_90`` for PTX. Raises `NvrtcMissing`, and `CompileError`
    for a warning, too.
    """
    code = f'#line 1 "{path}"\n{path.read_text()}'
    found = [*options, f"-I{path.parent}", *(f"-I{directory}" for directory in _headers())]
    return _compile(path, code, names, found, architecture)


def _headers() -> list[Path]:
    """Where the wheels of the same CUDA have their headers: the runtime's, as cuda_fp16.h, and the libraries'."""
    major, _ = version()
    if major < 13:
        folders = {"runtime": "cuda_runtime/include", "cccl": "cuda_cccl/include"}
    else:
        folders = {"runtime": f"cu{major}/include", "cccl": f"cu{major}/include/cccl"}
    found = []
    for name, folder in folders.items():
        try:
            wheel = metadata.distribution(_wheel(name, major))
        except metadata.PackageNotFoundError:
            continue
        found.append(Path(str(wheel.locate_file(f"nvidia/{folder}"))))
    return found


def _compile(path: Path, code: str, names: Sequence[str], options: Sequence[str], architecture: str) -> Compiled:
    capability(architecture)
    given = [*options, f"-arch={architecture}"]
    verbose = [] if architecture.startswith("compute") else ["--ptxas-options=-v"]
    done = _run(code, path.name, names, [*given, *verbose])
    found = diagnostics.read(done.log)
    if not done.ok:
        found = _located(found, code, path.name, names, given) + _in_older_c(code, path.name, names, given, done.log)
    kernels = resources.read(done.log)
    found += _too_much_shared_memory(path, kernels)
    if not done.ok or found:
        raise CompileError(path, architecture, found, done.log)
    mangled = done.lowered or {name: name for name in kernels}
    return Compiled(
        version=version(),
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
    found = diagnostics.read(_run(code, name, names, again).log)
    ptx = _run(code, name, names, [option.replace("-arch=sm_", "-arch=compute_") for option in again]).ptx
    located = []
    for each in found:
        place = None if each.ptx_line is None else diagnostics.source_line(ptx, each.ptx_line)
        located.append(each if place is None else Diagnostic(each.kind, each.text, *place))
    return located


def _too_much_shared_memory(path: Path, kernels: dict[str, Resources]) -> list[Diagnostic]:
    """What ptxas refuses in every version but 12.4, which makes kernels that no GPU launches."""
    return [
        Diagnostic("error", f"{name} of {path} declares {taken.shared} bytes of shared memory, more than {MOST_SHARED}")
        for name, taken in kernels.items()
        if taken.shared > MOST_SHARED
    ]


def _in_older_c(code: str, name: str, names: Sequence[str], options: Sequence[str], log: str) -> list[Diagnostic]:
    """Where a file needs the C++ that its ``-std`` asks for, if this NVRTC is too old to know it."""
    if "invalid value for --std" not in log:
        return []
    older = [f"-std={_OLD_STANDARD}" if option.startswith(("-std=", "--std=")) else option for option in options]
    return diagnostics.read(_run(code, name, names, older).log)


@dataclass(frozen=True)
class _Run:
    """What one call of the compiler gave. lowered: the mangled name of each expression."""

    ok: bool
    log: str
    ptx: str = ""
    cubin: bytes | None = None
    lowered: dict[str, str] | None = None


def _run(code: str, name: str, expressions: Sequence[str], options: Sequence[str]) -> _Run:
    binding = _binding()
    program = _checked(binding, binding.nvrtcCreateProgram(code.encode(), name.encode(), 0, [], []))
    try:
        for expression in expressions:
            _checked(binding, binding.nvrtcAddNameExpression(program, expression.encode()))
        status, *_ = binding.nvrtcCompileProgram(program, len(options), [option.encode() for option in options])
        log = _text(_buffer(binding, program, "ProgramLog"))
        if int(status) != 0:
            return _Run(False, log)
        return _Run(
            ok=True,
            log=log,
            ptx=_text(_buffer(binding, program, "PTX")),
            cubin=_buffer(binding, program, "CUBIN") or None,
            lowered={
                expression: _checked(binding, binding.nvrtcGetLoweredName(program, expression.encode())).decode()
                for expression in expressions
            },
        )
    finally:
        binding.nvrtcDestroyProgram(program)


def _buffer(binding: Any, program: Any, name: str) -> bytes:
    """One of the program's results: NVRTC tells the size, and fills a buffer of ours."""
    size = _checked(binding, getattr(binding, f"nvrtcGet{name}Size")(program))
    buffer = b" " * int(size)
    if size:
        _checked(binding, getattr(binding, f"nvrtcGet{name}")(program, buffer))
    return buffer


def _text(buffer: bytes) -> str:
    return buffer.decode(errors="replace").rstrip("\0 \n")


def _checked(binding: Any, result: tuple[Any, ...]) -> Any:
    """The value that comes with a status of success."""
    status, *values = result
    if int(status) != 0:
        raise RuntimeError(f"NVRTC {version()}: {_text(binding.nvrtcGetErrorString(status)[1])}")
    return values[0] if values else None
