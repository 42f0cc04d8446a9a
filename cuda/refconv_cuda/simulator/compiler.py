"""The host compiler: ziglang from pip, or the system's g++ or clang++."""

from __future__ import annotations

import errno
import functools
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from refconv_cuda.simulator.errors import CompileError, CompilerMissing

FLAGS = (
    "-std=c++17",
    "-O2",
    "-fPIC",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
    "-fno-stack-protector",
    # Touches every page of a large frame in turn, so that none jumps over the no-access page below a stack.
    "-fstack-clash-protection",
    "-fno-math-errno",
    # What a kernel prints goes through the runtime (print.cpp), also where it could be a puts.
    "-fno-builtin-printf",
    # As on a GPU; on aarch64 a plain char would be unsigned.
    "-fsigned-char",
    # NVCC fuses multiply-adds where it likes; here a sum is what the source says.
    "-ffp-contract=off",
    # CUDA code reads float4 through float pointers.
    "-fno-strict-aliasing",
    "-nostdinc++",
    "-fvisibility=hidden",
    "-Wno-unknown-pragmas",
)
# The compiler calls a hook at each load and store, and where an index leaves an array's dimension; the runtime has the
# hooks (runtime/hooks.cpp), and no sanitizer's own runtime is linked. Vectors are hidden from the hooks, so there are
# none.
CHECK_FLAGS = (
    # The handlers never return, and the compiler is told so: it need not load threadIdx again after each.
    *("-fsanitize=bounds,alignment", "-fno-sanitize-recover=bounds,alignment"),
    *("-g1", "-fno-omit-frame-pointer"),
)
CLANG_CHECK_FLAGS = (
    *CHECK_FLAGS,
    *("-Xclang", "-fsanitize=thread"),  # told to clang alone: zig would add libc++'s headers
    *("-fno-vectorize", "-fno-slp-vectorize"),
    *("-mllvm", "-tsan-instrument-func-entry-exit=0", "-mllvm", "-tsan-instrument-read-before-write=1"),
)
# A lane that hands an unset variable to a shuffle does nothing wrong in CUDA; clang would conclude that it cannot.
CLANG_FLAGS = ("-Xclang", "-no-enable-noundef-analysis")
OLDEST_CLANG = 16  # 15 has no hooks at the accesses of vectors
GCC_CHECK_FLAGS = (
    *CHECK_FLAGS,
    "-fsanitize=thread",
    "-fno-tree-vectorize",
    "--param=tsan-instrument-func-entry-exit=0",
)

# The runtime needs nothing beyond C, which the Python process has already loaded.
LINK_FLAGS = ("-shared", "-nostdlib")

SCARCE_BYTES = 16 * 2**20  # with less room than this, a compiler that dies without a word has probably run out of it


@dataclass(frozen=True)
class Compiler:
    """A command that compiles C++; ``identity`` changes when its output may."""

    command: tuple[str, ...]
    identity: str
    target_flags: tuple[str, ...] = ()
    check_flags: tuple[str, ...] = ()

    def compile(
        self, source: Path, output: Path, *, options: tuple[str, ...], include: tuple[Path, ...], cache: Path
    ) -> None:
        """One translation unit to one object file. Raises `CompileError` with the compiler's own words."""
        folders = [f"-I{folder}" for folder in include]
        self._run([*FLAGS, *self.target_flags, *folders, *options, "-c", str(source), "-o", str(output)], cache)

    def preprocess(self, source: Path, *, options: list[str], cache: Path) -> str:
        """A translation unit after the preprocessor: comments gone, line markers and ``#include`` lines kept."""
        return self._run([*FLAGS, *self.target_flags, *options, "-E", "-dI", str(source)], cache)

    def link(self, objects: list[Path], output: Path, *, cache: Path) -> None:
        """Objects to a shared library."""
        self._run([*LINK_FLAGS, *self.target_flags, *map(str, objects), "-o", str(output)], cache)

    def _run(self, arguments: list[str], cache: Path) -> str:
        # Zig keeps a cache of its own, which must not land in a home that may be read-only.
        environment = {
            **os.environ,
            "ZIG_GLOBAL_CACHE_DIR": str(cache / "zig"),
            "ZIG_LOCAL_CACHE_DIR": str(cache / "zig"),
        }
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True, env=environment, check=False)
        if done.returncode == 0:
            return done.stdout
        log = (done.stderr or done.stdout).strip() or f"the compiler failed ({done.returncode})"
        # Zig does not say so where its own cache finds no room: it aborts.
        aborted_for_it = done.returncode < 0 and shutil.disk_usage(cache).free < SCARCE_BYTES
        if os.strerror(errno.ENOSPC) in log or aborted_for_it:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise CompileError(log)


def find() -> Compiler:
    """The compiler to use: ``REFCONV_CXX`` if set, else ziglang, g++, clang++. Raises `CompilerMissing`."""
    return _find(os.environ.get("REFCONV_CXX", "").strip())


@functools.cache
def _find(wanted: str) -> Compiler:
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "aarch64"):
        raise CompilerMissing(
            f"the simulator runs on Linux on x86-64 and aarch64, not on {platform.system()} on {platform.machine()}"
        )
    if wanted:
        command = tuple(wanted.split())
        if shutil.which(command[0]) is None:
            raise CompilerMissing(f"REFCONV_CXX = {wanted!r} must name a C++ compiler, but there is no such command")
        return _system(command)
    if importlib.util.find_spec("ziglang") is not None:
        return _zig()
    for name in ("g++", "clang++"):
        if shutil.which(name):
            return _system((name,))
    raise CompilerMissing(
        "the simulator needs a C++ compiler: pip install 'refconv[simulator]' brings one, "
        "or install g++ or clang++, or name one in REFCONV_CXX"
    )


def _zig() -> Compiler:
    # glibc 2.17 is the oldest that zig targets: what is built here runs on any Linux of the last ten years.
    machine = platform.machine()
    level = ("-mcpu=x86_64_v3",) if _has_avx2() else _on_aarch64()
    return Compiler(
        command=(sys.executable, "-m", "ziglang", "c++"),
        identity=f"ziglang {importlib.metadata.version('ziglang')}",
        target_flags=("-target", f"{machine}-linux-gnu.2.17", "-fno-sanitize=undefined", *CLANG_FLAGS, *level),
        check_flags=CLANG_CHECK_FLAGS,
    )


def _system(command: tuple[str, ...]) -> Compiler:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CompilerMissing(f"{' '.join(command)} --version failed: {done.stderr.strip()}")
    level = ("-march=x86-64-v3",) if _has_avx2() else _on_aarch64()
    identity = done.stdout.splitlines()[0]
    # g++ makes the statics of templates unique in the process; two modules must not share theirs.
    clang = re.search(r"\bclang version (\d+)", identity)
    if clang and int(clang[1]) < OLDEST_CLANG:
        raise CompilerMissing(
            f"{' '.join(command)} is {identity}, which tells the checker of no access of a vector: "
            f"it must be at least {OLDEST_CLANG}"
        )
    if clang:
        return Compiler(command, identity, (*level, *CLANG_FLAGS), CLANG_CHECK_FLAGS)
    return Compiler(command, identity, (*level, "-fno-gnu-unique"), GCC_CHECK_FLAGS)


def _on_aarch64() -> tuple[str, ...]:
    """Atomics as instructions: else they are calls of the compiler's own library, which is not linked."""
    return ("-mno-outline-atomics",) if platform.machine() == "aarch64" else ()


def _has_avx2() -> bool:
    """Whether this processor has what the level x86-64-v3 stands for."""
    if platform.machine() != "x86_64":
        return False
    flags = set(Path("/proc/cpuinfo").read_text().split())
    return {"avx2", "fma", "bmi1", "bmi2", "f16c", "movbe", "abm"} <= flags
