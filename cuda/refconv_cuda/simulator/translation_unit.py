"""The C++ around a preprocessed .cu file: CUDA's words before it, the table of its kernels behind it.

The text keeps its own files and line numbers, so the compiler's messages point into them. One word changes on the way:
``extern __shared__`` declares the launch's dynamic shared memory, which C++ cannot tell from a static ``__shared__``
variable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from refconv_cuda.simulator.preprocessor import with_own_headers

RUNTIME = Path(__file__).parent / "runtime"
MOST_DYNAMIC_SHARED = 227 * 1024  # bytes, as on sm_90; runtime/shared_memory.h has the same

_PARENTHESES = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
_QUALIFIER = (
    rf"(?:extern\s*\"C\"|\bstatic\b|\binline\b|__launch_bounds__\s*{_PARENTHESES}"
    rf"|__attribute__\s*{_PARENTHESES}|__noinline__|__forceinline__)"
)
_TOKEN = re.compile(
    r"(?P<string>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
    r"|(?P<marker>^#[^\n]*$)"
    r"|\bnamespace\s+(?P<namespace>[\w:]*)\s*\{"
    r"|(?P<template>\btemplate\s*<[^;{}()]*>\s*)?"
    rf"(?:{_QUALIFIER}\s*)*"
    rf"\b__global__\s+(?:{_QUALIFIER}\s*)*void\s+(?:{_QUALIFIER}\s*)*"
    rf"(?P<name>\w+)\s*(?P<parameters>{_PARENTHESES})"
    r"|(?P<brace>[{}])",
    re.MULTILINE,
)
_DYNAMIC_SHARED = re.compile(r"\bextern(\s+)__shared__(?P<rest>[^;\[]*?\b(?P<name>\w+)\s*\[\s*\])")


_STATIC_SHARED = re.compile(r"\bstatic(\s+)__shared__")  # which it is without being told


@dataclass(frozen=True)
class Declaration:
    """A kernel as the source declares it. name: with its namespaces, ``house::kernel``."""

    name: str
    is_template: bool
    parameters: tuple[str, ...]  # their texts, "const float* x"


def declarations(text: str) -> dict[str, Declaration]:
    """The kernels that a preprocessed text declares, by name; of overloaded ones, none."""
    found: dict[str, Declaration] = {}
    overloaded = set()
    spaces: list[str] = []  # of the braces that are open: a namespace's name, or nothing
    for token in _TOKEN.finditer(text):
        if token["namespace"] is not None:
            spaces.append(token["namespace"])
        elif token["brace"] == "{":
            spaces.append("")
        elif token["brace"] == "}" and spaces:
            spaces.pop()
        elif token["name"]:
            declaration = _declaration(token, [space for space in spaces if space])
            if declaration != found.setdefault(declaration.name, declaration):
                overloaded.add(declaration.name)
    return {name: declaration for name, declaration in found.items() if name not in overloaded}


def _declaration(token: re.Match[str], spaces: list[str]) -> Declaration:
    inside = token["parameters"][1:-1].strip()
    texts = [] if inside in ("", "void") else inside.split(",")
    parameters = tuple(" ".join(text.split()) for text in texts)
    return Declaration("::".join([*spaces, token["name"]]), token["template"] is not None, parameters)


def translation_unit(text: str, names: tuple[str, ...]) -> str:
    """The C++ that makes ``names`` (kernel names and name expressions) of a preprocessed text callable."""
    dynamic = sorted({match["name"] for match in _DYNAMIC_SHARED.finditer(text)})
    kernels = "".join(f"    REFCONV_KERNEL({_quoted(name)}, {name}),\n" for name in names)
    adapted = with_own_headers(_DYNAMIC_SHARED.sub(r"extern\1__dynamic_shared__\g<rest>", text))
    adapted = _STATIC_SHARED.sub(r"\1__shared__", adapted)
    return (
        f"#include {_quoted(str(RUNTIME / 'cuda_words.h'))}\n"
        f"{adapted}\n"
        '#line 1 "<kernel table>"\n'
        f"#include {_quoted(str(RUNTIME / 'thunk.h'))}\n"
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


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
