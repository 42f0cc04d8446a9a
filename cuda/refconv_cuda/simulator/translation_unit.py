"""The C++ around a .cu file: CUDA's words before it, the table of its kernels behind it.

The file itself is included as it is, under its own name and line numbers, so that the compiler's messages point
into it. One word changes on the way: ``extern __shared__`` declares the launch's dynamic shared memory, which C++
cannot tell from a static ``__shared__`` variable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_DYNAMIC_SHARED = 227 * 1024  # bytes, as on sm_90; runtime/shared_memory.h has the same

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_PARENTHESES = r"\((?:[^()]|\([^()]*\))*\)"
_KERNEL = re.compile(
    r"(?P<template>template\s*<[^;{}()]*>\s*)?"
    r"(?:(?:extern\s*\"C\"|static|inline)\s+)*"
    rf"__global__\s+(?:__launch_bounds__\s*{_PARENTHESES}\s*)?"
    rf"void\s+(?:__launch_bounds__\s*{_PARENTHESES}\s*)?"
    rf"(?P<name>\w+)\s*(?P<parameters>{_PARENTHESES})"
)
_DYNAMIC_SHARED = re.compile(r"extern(\s+)__shared__(?P<rest>[^;\[]*?\b(?P<name>\w+)\s*\[\s*\])")


@dataclass(frozen=True)
class Declaration:
    """A kernel as the source declares it."""

    name: str
    is_template: bool
    parameters: tuple[str, ...]  # their texts, "const float* x"


def declarations(code: str) -> dict[str, Declaration]:
    """The kernels that ``code`` declares, by name."""
    found = {}
    for match in _KERNEL.finditer(_without_comments(code)):
        inside = match["parameters"][1:-1].strip()
        texts = [] if inside in ("", "void") else inside.split(",")
        parameters = tuple(" ".join(text.split()) for text in texts)
        found[match["name"]] = Declaration(match["name"], match["template"] is not None, parameters)
    return found


def translation_unit(code: str, file: str, names: tuple[str, ...]) -> str:
    """The C++ that makes ``names`` (kernel names and name expressions) of ``code`` callable."""
    dynamic = sorted({match["name"] for match in _DYNAMIC_SHARED.finditer(_without_comments(code))})
    kernels = "".join(f"    REFCONV_KERNEL({_quoted(name)}, {name}),\n" for name in names)
    adapted = _DYNAMIC_SHARED.sub(r"extern\1__dynamic_shared__\g<rest>", code)
    return (
        '#include "cuda_words.h"\n'
        f"#line 1 {_quoted(file)}\n"
        f"{adapted}\n"
        '#line 1 "<kernel table>"\n'
        '#include "thunk.h"\n'
        f"const refconv::Kernel refconv_kernels[] = {{\n{kernels}    {{}}}};\n"
        f"const int32_t refconv_kernel_count = {len(names)};\n"
        f"{_dynamic_shared_definition(dynamic)}"
    )


def _dynamic_shared_definition(names: list[str]) -> str:
    """Every ``extern __shared__`` array of the file is the same memory, whatever its name and type: one symbol each."""
    if not names:
        return "void* refconv_dynamic_shared() { return nullptr; }\n"
    labels = "".join(f'    ".globl {name}\\n.hidden {name}\\n.type {name}, @object\\n{name}:\\n"\n' for name in names)
    return (
        'asm(".pushsection .tbss,\\"awT\\",@nobits\\n.balign 256\\n"\n'
        f"{labels}"
        f'    ".zero {MOST_DYNAMIC_SHARED}\\n.popsection\\n");\n'
        f'extern "C" __thread unsigned char refconv_dynamic_shared_start[] asm("{names[0]}");\n'
        "void* refconv_dynamic_shared() { return refconv_dynamic_shared_start; }\n"
    )


def _without_comments(code: str) -> str:
    return _COMMENT.sub(" ", code)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
