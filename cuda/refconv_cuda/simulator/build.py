"""From CUDA C to a loaded library: the runtime once per compiler, each kernel file once per content."""

from __future__ import annotations

import ctypes
import enum
import functools
import hashlib
from pathlib import Path

from refconv_cuda.simulator import abi, cache, compiler
from refconv_cuda.simulator.errors import CompileError

RUNTIME = Path(__file__).parent / "runtime"
INCLUDES = (RUNTIME, RUNTIME / "include")
RUNTIME_SOURCES = (
    *("fiber.cpp", "block.cpp", "warp.cpp", "image.cpp", "shared_memory.cpp", "trap.cpp", "grid.cpp", "print.cpp"),
    *("shadow.cpp", "fences.cpp", "hooks.cpp"),
    *("workers.cpp", "copies.cpp"),
)


class Kind(enum.Enum):
    """How a module is built: for launches in any order, with every access checked, or with its blocks shared out.

    The value is the option that tells the runtime.
    """

    PLAIN = "-DREFCONV_PLAIN"  # which nobody asks for
    CHECKED = "-DREFCONV_CHECK"
    THREADS = "-DREFCONV_THREADS"


def library(unit: str, kind: Kind) -> tuple[ctypes.CDLL, Path]:
    """The shared library of a translation unit, from the cache or built now, and its file.

    Raises `CompileError`, `CompilerMissing`.
    """
    tool = compiler.find()
    options = (kind.value, *(tool.check_flags if kind is Kind.CHECKED else ()))
    key = _digest(tool, _runtime_text(), *options, unit)

    def build(workspace: Path, output: Path) -> None:
        source, built = workspace / "kernel.cpp", workspace / "kernel.o"
        source.write_text(unit)
        store = workspace.parent
        tool.compile(source, built, options=options, include=INCLUDES, cache=store)
        tool.link([built, *_runtime_objects(store, kind)], output, cache=store)

    file = cache.built(f"kernel-{key}.so", build)
    return _load(file), file


def _runtime_objects(store: Path, kind: Kind) -> list[Path]:
    tool = compiler.find()
    options = ("-Wall", "-Wextra", kind.value)
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
