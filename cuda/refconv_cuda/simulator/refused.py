"""What is not simulated, found in the source, so that the refusal names the construct and its line.

A compiler would refuse most of it too, but in words that say nothing ("undeclared identifier"). Comments and string
literals are no code and never trigger; the rest is taken as it stands, so give it what is left after the preprocessor.
Inline PTX is not looked into here: what of it is not simulated, `refconv_cuda.simulator.ptx` refuses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from refconv_cuda.simulator.errors import CompileError

_NO_CODE = re.compile(
    r"//[^\n]*"
    r"|/\*.*?\*/"
    r'|R"(?P<mark>[^()\s\\]*)\(.*?\)(?P=mark)"'
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|(?<![0-9A-Fa-f])'(?:[^'\\\n]|\\.)+'",  # but not the quotes of 1'000'000
    re.DOTALL,
)


@dataclass(frozen=True)
class _Construct:
    """pattern: how it looks in the source. name: what to call it, with the pattern's groups. reason: why not."""

    pattern: re.Pattern[str]
    name: str
    reason: str


def _construct(pattern: str, name: str, reason: str) -> _Construct:
    return _Construct(re.compile(pattern), name, reason)


_ONE_BY_ONE = "threads run one at a time here; of what goes on beside them there is only cp.async, waited for by groups"
_CLUSTERS = "blocks run one after another here, so no two can share memory or wait for one another"
_NVIDIA_HEADERS = r"cuda_awbarrier(?:_primitives)?\.h|cudaTypedefs\.h|cuda/(?:barrier|pipeline|ptx)"

# In a file, the one that stands first is named; of those that begin at the same place, the first in this list.
_CONSTRUCTS = (
    _construct(rf"#\s*(?:include\s*[<\"]|pragma refconv include )({_NVIDIA_HEADERS})", "<{0}>", _ONE_BY_ONE),
    _construct(r"\b(__pipeline_(?!memcpy_async\b|commit\b|wait_prior\b)\w+)", "{0}", _ONE_BY_ONE),
    _construct(r"\b((?:cuda|nvcuda)::(?:\w+::)*memcpy_async)\b", "{0}", _ONE_BY_ONE),
    _construct(r"\b(cuda::(?:device::)?(?:barrier|pipeline)\w*|__mbarrier_\w+)", "{0}", _ONE_BY_ONE),
    _construct(r"\b(CUtensorMap|(?:\w+::)*cp_async_bulk\w*)\b", "TMA ({0})", _ONE_BY_ONE),
    _construct(r"\b(cuda::ptx)\b", "inline PTX ({0})", "only PTX in asm is read"),
    _construct(
        r"(__cluster_dims__|\b(?:\w+::)*(?:this_cluster|cluster_group)|\b__cluster\w+)\b", "a cluster ({0})", _CLUSTERS
    ),
    _construct(
        r"\b((?:\w+::)*(?:this_grid|this_multi_grid|grid_group|multi_grid_group))\b", "a grid group ({0})", _CLUSTERS
    ),
    _construct(
        r"<<<", "a launch from CUDA C (<<<...>>>, dynamic parallelism)", "launch kernels from Python, one by one"
    ),
    _construct(
        r"\b(texture|surface)\s*<\s*(?:u?(?:char|short|int|long)|unsigned|signed|float|double|void|half)"
        r"|\b(cudaTextureObject_t|cudaSurfaceObject_t)\b|\b(tex(?:1D|2D|3D|Cubemap)\w*|surf(?:1D|2D|3D|Cubemap)\w*)\s*[<(]",
        "a texture or surface ({0})",
        "its addressing and filtering are a GPU's own; read the array through a pointer",
    ),
)


def refuse(code: str, file: str) -> None:
    """Raises `CompileError` for the first construct in ``code`` that is not simulated.

    file: its name, for the message: ``my.cu:12: inline PTX (asm) is not simulated: ...``.
    """
    plain = without_literals(code)
    found = [(match, construct) for construct in _CONSTRUCTS if (match := construct.pattern.search(plain))]
    if not found:
        return
    match, construct = min(found, key=lambda pair: pair[0].start())
    name = construct.name.format(*(group for group in match.groups() if group))
    line = code.count("\n", 0, match.start()) + 1
    raise CompileError(f"{file}:{line}: {name} is not simulated: {construct.reason}")


def without_literals(code: str) -> str:
    """The code with comments and string and character literals blanked out, character by character."""
    return _NO_CODE.sub(_blank, code)


def _blank(no_code: re.Match[str]) -> str:
    """As many lines, and as many characters; an #include keeps the name that it includes."""
    text, line_start = no_code[0], no_code.string.rfind("\n", 0, no_code.start()) + 1
    if re.fullmatch(r"\s*#\s*include\s*", no_code.string[line_start : no_code.start()]):
        return text
    return re.sub(r"[^\n]", " ", text)
