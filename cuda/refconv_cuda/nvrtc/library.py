"""NVRTC itself: where it is, which version, what it knows, and one call of it."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from refconv_cuda import cuda_headers

INSTALL = "pip install 'refconv[nvrtc]'"


class NvrtcMissing(Exception):
    """There is no NVRTC here; the message says what to install."""


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
        found += [f"sm_{number}", *(name for name in lettered if run("", "empty.cu", (), [f"-arch={name}"]).ok)]
    return tuple(found)


def headers() -> list[Path]:
    """Where the wheels of the same CUDA have their headers (`cuda_headers.of_wheels`). Raises `NvrtcMissing`."""
    return cuda_headers.of_wheels(version()[0])


@dataclass(frozen=True)
class Run:
    """What one call of the compiler gave. mangled: the name in the machine code, for each name expression."""

    ok: bool
    log: str
    ptx: str = ""
    cubin: bytes | None = None
    mangled: dict[str, str] = field(default_factory=dict)


def run(code: str, name: str, expressions: Sequence[str], options: Sequence[str]) -> Run:
    """Compiles a text that calls itself ``name``. Raises `NvrtcMissing`."""
    binding = _binding()
    program = _checked(binding, binding.nvrtcCreateProgram(code.encode(), name.encode(), 0, [], []))
    try:
        for expression in expressions:
            _checked(binding, binding.nvrtcAddNameExpression(program, expression.encode()))
        status, *_ = binding.nvrtcCompileProgram(program, len(options), [option.encode() for option in options])
        log = _text(_buffer(binding, program, "ProgramLog"))
        if int(status) != 0:
            return Run(False, log)
        return Run(
            ok=True,
            log=log,
            ptx=_text(_buffer(binding, program, "PTX")),
            cubin=_buffer(binding, program, "CUBIN") or None,
            mangled={
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
