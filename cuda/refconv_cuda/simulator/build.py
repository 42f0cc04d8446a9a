"""From CUDA C to a loaded library: the runtime once per compiler, each kernel file once per content."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import re
from pathlib import Path

from refconv_cuda.simulator import abi, cache, compiler
from refconv_cuda.simulator.errors import CompileError

RUNTIME = Path(__file__).parent / "runtime"
INCLUDES = (RUNTIME, RUNTIME / "include")
RUNTIME_SOURCES = (
    *("fiber.cpp", "block.cpp", "warp.cpp", "image.cpp", "shared_memory.cpp", "trap.cpp", "grid.cpp"),
    *("shadow.cpp", "fences.cpp", "hooks.cpp"),
)

CHECK_DEFINITION = ("-DREFCONV_CHECK",)

_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def library(unit: str, options: tuple[str, ...], folders: tuple[Path, ...], *, check: bool) -> tuple[ctypes.CDLL, Path]:
    """The shared library of a translation unit, from the cache or built now, and its file.

    options: ``-D`` and ``-I`` flags. folders: where its ``#include "..."`` are looked for; what they include is part
    of the cache's key. check: with the checker's hooks. Raises `CompileError`, `CompilerMissing`.
    """
    tool = compiler.find()
    content = [unit, *included(unit, folders)]
    if check:
        options = (*options, *CHECK_DEFINITION, *tool.check_flags)
    key = _digest(tool, _runtime_text(), *options, *content)

    def build(workspace: Path, output: Path) -> None:
        source, built = workspace / "kernel.cpp", workspace / "kernel.o"
        source.write_text(unit)
        store = workspace.parent
        tool.compile(source, built, options=options, include=INCLUDES, cache=store)
        tool.link([built, *_runtime_objects(store, check)], output, cache=store)

    file = cache.built(f"kernel-{key}.so", build)
    return _load(file), file


def included(text: str, folders: tuple[Path, ...]) -> list[str]:
    """The contents of the files that ``text`` includes by ``#include "..."``, directly or through others."""
    contents: dict[Path, str] = {}
    pending = [text]
    while pending:
        for name in _INCLUDE.findall(pending.pop()):
            for path in (folder / name for folder in folders):
                if path not in contents and path.is_file():
                    contents[path] = path.read_text()
                    pending.append(contents[path])
    return list(contents.values())


def _runtime_objects(store: Path, check: bool) -> list[Path]:
    tool = compiler.find()
    options = ("-Wall", "-Wextra", *(CHECK_DEFINITION if check else ()))
    key = _digest(tool, _runtime_text(), *options)

    def build(name: str, workspace: Path, output: Path) -> None:
        tool.compile(RUNTIME / name, output, options=options, include=INCLUDES, cache=store)

    return [cache.built(f"{Path(name).stem}-{key}.o", functools.partial(build, name)) for name in RUNTIME_SOURCES]


@functools.cache
def _runtime_text() -> str:
    return "".join(path.read_text() for path in sorted(RUNTIME.rglob("*")) if path.is_file())


def _digest(tool: compiler.Compiler, *texts: str) -> str:
    parts = [tool.identity, *tool.command, *tool.target_flags, *compiler.FLAGS, *compiler.LINK_FLAGS, *texts]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _load(path: Path) -> ctypes.CDLL:
    # The kernels' maths functions come from here; a Python that is linked statically may not have loaded it.
    ctypes.CDLL("libm.so.6", ctypes.RTLD_GLOBAL)
    loaded = ctypes.CDLL(str(path))
    sizes = (ctypes.c_int32 * len(abi.SIZES)).in_dll(loaded, "refconv_abi_sizes")
    if tuple(sizes) != abi.SIZES:
        raise CompileError(f"runtime/abi.h has structs of {tuple(sizes)} bytes, abi.py of {abi.SIZES}")
    loaded.refconv_launch.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    loaded.refconv_launch.restype = ctypes.c_int32
    return loaded
