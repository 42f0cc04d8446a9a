"""A .cu file after the preprocessor: all that it includes in one text, macros expanded, lines known.

CUDA's words are not part of it, they come when it is compiled (translation_unit.py); so ``__global__`` and
``__shared__`` are still there to be seen. CUDA's own headers that the simulator brings (``cuda_fp16.h`` and the like),
and the C library's, are left for the compiler, too: the words include some of them themselves.

Preprocessing costs as much as a small kernel's whole test, so its result is kept, with a digest of every file that went
into it, and the names under which the compiler looked for them in vain: one of those may come to be.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from refconv_cuda.simulator import cache, compiler

RUNTIME = Path(__file__).parent / "runtime"
INCLUDE = RUNTIME / "include"

DEFINITIONS = (
    *("-D__CUDACC__=1", "-D__CUDA_ARCH__=900", "-DREFCONV_SIMULATOR=1"),
    *("-D__CUDACC_RTC__=1", "-D__CUDACC_VER_MAJOR__=12", "-D__CUDACC_VER_MINOR__=9"),
)

_LINE_MARKER = re.compile(r'^# (?P<line>\d+) "(?P<file>[^"]*)"(?P<flags>[ \d]*)$', re.MULTILINE)
_PRAGMA = re.compile(r"^#pragma refconv include (\S+)$", re.MULTILINE)
_LONG_OPTIONS = {"--define-macro": "-D", "--undefine-macro": "-U", "--include-path": "-I"}


def preprocessed(code: str, file: str, options: Sequence[str], folder: Path | None) -> str:
    """``code`` after the preprocessor, with line markers. folder: where ``#include "..."`` looks first.

    Raises `CompileError`, `CompilerMissing`.
    """
    tool = compiler.find()
    text = f'#line 1 "{_escaped(file)}"\n{code}'
    flags = [*DEFINITIONS, *([f"-I{folder}"] if folder else []), *options]
    parts = [tool.identity, *tool.command, *tool.target_flags, *flags, text, *_own_headers()]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
    name = f"source-{key}.json"
    known = _remembered(name)
    if known is not None:
        return known

    def build(workspace: Path, output: Path) -> None:
        result = _run(tool, text, flags, workspace)
        files = _digests(result)
        entry = {"files": files, "missing": _missing(files, flags), "text": result}
        output.write_text(json.dumps(entry))

    return str(json.loads(cache.rebuilt(name, build).read_text())["text"])


def relevant_options(options: Sequence[str]) -> list[str]:
    """Those of NVRTC's options that say something to the preprocessor, in their short form and one word each."""
    found = []
    pending = list(options)
    while pending:
        option = pending.pop(0)
        name, equals, value = option.partition("=")
        if name in _LONG_OPTIONS:
            found.append(_LONG_OPTIONS[name] + (value if equals else _next(pending, option)))
        elif option in ("-D", "-U", "-I"):
            found.append(option + _next(pending, option))
        elif option.startswith(("-D", "-U", "-I")):
            found.append(option)
    return found


def with_own_headers(text: str) -> str:
    """The text with the pragmas made ``#include`` again."""
    return _PRAGMA.sub(r"#include <\1>", text)


def by_file(text: str) -> dict[str, str]:
    """The text of each of the user's own files, every line at its own number."""
    lines: dict[str, dict[int, str]] = {}
    file, number = "", 1
    for line in text.splitlines():
        marker = _LINE_MARKER.match(line)
        if marker:
            file, number = marker["file"], int(marker["line"])
            continue
        if line.strip():
            lines.setdefault(file, {})[number] = line
        number += 1
    return {
        name: "\n".join(numbered.get(i, "") for i in range(1, max(numbered) + 1)) for name, numbered in lines.items()
    }


def _run(tool: compiler.Compiler, text: str, flags: list[str], workspace: Path) -> str:
    for header in _own_headers():
        stub = workspace / "stubs" / header
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text(f"#pragma refconv include {header}\n")
    source = workspace / "source.cpp"
    source.write_text(text)
    # Behind the user's folders: a file of theirs may have the name of one of CUDA's.
    options = [*flags, f"-I{workspace / 'stubs'}"]
    return _users_text(tool.preprocess(source, options=options, cache=workspace.parent), str(workspace))


def _users_text(text: str, workspace: str) -> str:
    """The text with each system header as the ``#include`` that it came from, and those of the user's files gone.

    Markers are reduced to file and line, and those of our own passing workspace dropped: the text is a cache's key.
    """
    kept: list[str] = []
    directive, inside = "", False
    for line in text.splitlines():
        marker = _LINE_MARKER.match(line)
        if marker:
            flags = marker["flags"].split()
            if not inside and "3" in flags and "1" in flags:
                kept.append(directive)
                inside = True
            elif inside and "3" not in flags:
                inside = False
            directive = directive if not inside and "2" not in flags else ""
            if not inside and not marker["file"].startswith(workspace):
                kept.append(f'# {marker["line"]} "{marker["file"]}"')
        elif line.startswith("#include"):
            directive = "" if inside else line.split("/*")[0].rstrip()
        elif not inside:
            kept.append(line)
    return "\n".join(kept) + "\n"


def _own_headers() -> list[str]:
    return sorted(str(path.relative_to(INCLUDE)) for path in INCLUDE.rglob("*") if path.is_file())


def _remembered(name: str) -> str | None:
    """What was kept, if none of the files that went into it has changed since."""
    file = cache.found(name)
    try:
        entry: dict[str, Any] = json.loads(file.read_text()) if file else {}
        unchanged = all(_digest(Path(file)) == digest for file, digest in entry["files"].items())
        unchanged = unchanged and not any(Path(file).exists() for file in entry["missing"])
        return str(entry["text"]) if unchanged else None
    except (OSError, ValueError, KeyError):
        return None


def _digests(text: str) -> dict[str, str]:
    files = {marker["file"] for marker in _LINE_MARKER.finditer(text)}
    return {file: _digest(Path(file)) for file in files if not file.startswith("<") and Path(file).is_file()}


def _missing(files: Iterable[str], flags: Sequence[str]) -> list[str]:
    """Where else the files might have been found, had there been one of the same name: in any folder that counts.

    A few too many do no harm.
    """
    paths = [Path(file).absolute() for file in files]
    searched = [Path(flag[2:]).absolute() for flag in flags if flag.startswith("-I")]
    folders = {*searched, *(path.parent for path in paths)}
    names = {str(path.relative_to(folder)) for path in paths for folder in folders if folder in path.parents}
    return sorted(str(folder / name) for folder in folders for name in names if not (folder / name).exists())


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _next(pending: list[str], option: str) -> str:
    if not pending:
        raise ValueError(f"options: {option} needs a value")
    return pending.pop(0)


def _escaped(file: str) -> str:
    return file.replace("\\", "\\\\").replace('"', '\\"')
