"""The corpus of small faulty kernels and their right twins, one file of `corpus` for each pair, read.

A file is plain CUDA C. ``-DFAULTY`` makes the faulty kernel of it, without it there is the twin. Comments at its head
say what is wrong, how to launch it and what must be found:

    // A sentence that says what the fault is.
    // launch: grid=(1,) block=(32,)                    and shared=BYTES of dynamic shared memory
    // args: x:float32[32]=arange y:float32[32]=zeros n:int32=5        an expression of arange, zeros, empty; or null
    // kernel: scale<float>                             a name expression, where it is not the file's name
    // expect: Race "race in shared memory" array=tile element=1       the exception, its kind, what was touched
    // threads: (1,0,0) (0,0,0)                         who did it, and who else, under the schedule in order
    // blocks: (0,0,0) (0,0,0)                          their blocks; where it is not said, no matter
    // covers: missing __syncwarp                       which of `ITEMS` this is an example of; several by semicolons
    // result: y = 2 * x                                what the twin computes, from the arguments as they were
    // module: alone                                    the fault would look different beside other kernels' variables

``// HERE`` marks the line of the finding, ``// OTHER`` that of the other access.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refconv_cuda import simulator
from refconv_cuda.simulator import KernelError, errors

CORPUS = Path(__file__).parent / "corpus"
TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
STEP_BUDGET = 100_000  # accesses: 50 times what the longest kernel here needs

_DIRECTIVE = re.compile(r"^// (launch|args|kernel|expect|threads|blocks|covers|result|module): (.+)$", re.MULTILINE)
_LAUNCH = re.compile(r"grid=(?P<grid>\([\d,]+\)) block=(?P<block>\([\d,]+\))(?: shared=(?P<shared>\d+))?")
_ARGUMENT = re.compile(r"(?P<name>\w+):(?P<dtype>\w+)(?:\[(?P<shape>[\d,]+)\])?(?:=(?P<value>\S+))?")
_EXPECT = re.compile(r'(?P<exception>\w+) "(?P<kind>[^"]+)"(?: array=(?P<array>\w+))?(?: element=(?P<element>-?\d+))?')


@dataclass(frozen=True)
class Pair:
    """A file of the corpus. here, other: marked lines, from 1; what a header does not say is None or empty."""

    tool: str
    name: str
    text: str
    kernel: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    shared: int
    arguments: tuple[re.Match[str], ...]
    exception: type[KernelError]
    kind: str
    array: str | None
    element: int | None
    threads: tuple[tuple[int, ...], ...]
    blocks: tuple[tuple[int, ...], ...]
    covers: frozenset[str]
    results: dict[str, str]
    alone: bool
    here: int | None
    other: int | None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))


def _marked(text: str, marker: str) -> int | None:
    numbers = [i for i, line in enumerate(text.splitlines(), 1) if re.search(rf"// [A-Z ]*\b{marker}\b", line)]
    assert len(numbers) <= 1, f"{marker} stands on lines {numbers}"
    return numbers[0] if numbers else None


def load(path: Path) -> Pair:
    """The pair of a file."""
    text = path.read_text(encoding="utf-8")
    directives = dict(_DIRECTIVE.findall(text))
    launch, expect = _LAUNCH.fullmatch(directives["launch"]), _EXPECT.fullmatch(directives["expect"])
    assert launch, f"{path.name}: launch: {directives['launch']}"
    assert expect, f"{path.name}: expect: {directives['expect']}"
    triples = {key: re.findall(r"\([\d,]+\)", directives.get(key, "")) for key in ("threads", "blocks")}
    results = dict(part.strip().split(" = ", 1) for part in directives["result"].split(";"))
    return Pair(
        tool=path.parent.name,
        name=path.stem,
        text=text,
        kernel=directives.get("kernel", path.stem),
        grid=_numbers(launch["grid"]),
        block=_numbers(launch["block"]),
        shared=int(launch["shared"] or 0),
        arguments=tuple(_ARGUMENT.fullmatch(argument) for argument in directives["args"].split()),
        exception=getattr(errors, expect["exception"]),
        kind=expect["kind"],
        array=expect["array"],
        element=int(expect["element"]) if expect["element"] else None,
        threads=tuple(_numbers(triple) for triple in triples["threads"]),
        blocks=tuple(_numbers(triple) for triple in triples["blocks"]),
        covers=frozenset(item.strip() for item in directives.get("covers", "").split(";") if item.strip()),
        results=results,
        alone=directives.get("module") == "alone",
        here=_marked(text, "HERE"),
        other=_marked(text, "OTHER"),
    )


PAIRS = [load(path) for tool in TOOLS for path in sorted((CORPUS / tool).glob("*.cu"))]

# What the checker does not find, and why; docs/simulator.md says the same.
BEYOND = {
    "memcheck/device_table_overrun": "behind a __device__ array lies another variable of the module",
}
BEYOND_CLANG = {"memcheck/float4_copy_misaligned": "clang copies a vector in four parts, each of which is aligned"}


def value_of(argument: re.Match[str], empty=simulator.empty):
    """What an argument is before the launch; None is a null pointer.

    empty: makes an array that holds nothing yet; the simulator's must be made under the launch's schedule.
    """
    if argument["dtype"] == "null":
        return None
    shape = _numbers(argument["shape"] or "")
    if argument["value"] == "empty":
        return empty(shape, argument["dtype"])
    arange = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    value = eval(argument["value"], {"arange": arange, "zeros": 0 * arange})
    return np.asarray(value).astype(argument["dtype"])
