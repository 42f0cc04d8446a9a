"""The machine code of a kernel, as nvdisasm shows it: the main loop, and which instructions it is made of.

nvdisasm comes in a wheel, ``nvidia-cuda-nvdisasm``, or with a CUDA toolkit. That of CUDA 13 reads what every CUDA line
makes, but for GPUs from sm_75 on only.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_WHEEL = "nvidia-cuda-nvdisasm"
# The class of an instruction by the first part of its opcode; the first pattern that fits decides.
_CLASSES = (
    ("global", r"LDG|STG|LD|ST|LDGSTS|ATOM|ATOMG|RED|UTMALDG|UTMASTG"),
    ("shared", r"LDS|STS|LDSM|STSM|ATOMS"),
    ("local", r"LDL|STL"),
    ("constant", r"LDC|LDCU|ULDC"),
    ("control", r"BAR|BRA|BRX|BSSY|BSYNC|BREAK|CALL|RET|EXIT|JMP|NOP|WARPSYNC|MEMBAR|DEPBAR|YIELD|SYNCS"),
    ("conversion", r"I2F|I2FP|F2I|F2F|I2I|MUFU"),
    ("float", r"[FD](?:FMA|MUL|ADD|SET|SETP|MNMX|SEL)[0-9]*|FCHK|H(?:FMA|MUL|ADD|SET|SETP|MNMX)2|[HDIBQ]G?MMA"),
    ("integer", r".*"),  # addresses, indices, comparisons, moves
)
_MOVE = r"^HFMA2\S* R\d+, -RZ, RZ"
CLASSES = tuple(name for name, _ in _CLASSES)


@dataclass(frozen=True)
class Instruction:
    """address: in the kernel, in bytes. opcode: as ``FFMA`` or ``LDG.E``. target: where it may jump to."""

    address: int
    opcode: str
    target: int | None = None

    @property
    def kind(self) -> str:
        """One of `CLASSES`."""
        first = self.opcode.partition(".")[0]
        return next(name for name, pattern in _CLASSES if re.fullmatch(pattern, first))


def disassembler() -> Path | None:
    """nvdisasm: the wheel's, else the one on the path; None where there is neither."""
    try:
        files = metadata.files(_WHEEL) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name in ("nvdisasm", "nvdisasm.exe"):
            return Path(str(file.locate()))
    found = shutil.which("nvdisasm")
    return Path(found) if found else None


def disassemble(cubin: bytes, tool: Path) -> dict[str, list[Instruction]]:
    """The instructions of each kernel of a cubin, by its mangled name; empty where this nvdisasm is too new for it."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        done = subprocess.run([tool, "-c", file.name], capture_output=True, text=True, check=False)
    return read(done.stdout)


def read(listing: str) -> dict[str, list[Instruction]]:
    """The instructions of each kernel in what ``nvdisasm -c`` prints."""
    kernels: dict[str, list[Instruction]] = {}
    for part in re.split(r"^\.text\.(?=\S+:$)", listing, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition(":\n")
        kernels[name] = _instructions(body)
    return kernels


def _instructions(body: str) -> list[Instruction]:
    found: list[tuple[int, str, str]] = []
    labels: dict[str, int] = {}
    waiting: list[str] = []
    for line in body.splitlines():
        if label := re.fullmatch(r"(\.L_\S+):", line.strip()):
            waiting.append(label[1])
        elif code := re.match(r"\s*/\*([0-9a-f]+)\*/\s+(?:@\S+\s+)?([A-Z][A-Z0-9_.]*)(.*)", line):
            address = int(code[1], 16)
            labels.update(dict.fromkeys(waiting, address))
            waiting = []
            # A half-precision 0 * 0 + constant is how ptxas moves a constant through an idle pipe.
            found.append((address, "MOV" if re.search(_MOVE, code[2] + code[3]) else code[2], code[3]))
    return [Instruction(address, opcode, _target(opcode, rest, labels)) for address, opcode, rest in found]


def _target(opcode: str, rest: str, labels: dict[str, int]) -> int | None:
    label = re.search(r"`\((\.L_\S+)\)", rest)
    return labels.get(label[1]) if label and opcode.startswith(("BRA", "JMP")) else None


def main_loop(kernel: Sequence[Instruction]) -> list[Instruction]:
    """The loop that computes: the shortest with at least half as many floating-point instructions as any has.

    So a loop may have others in it, as that of a tile's slices has the search for the next tap. A kernel that computes
    nothing has its longest innermost one. A loop is what lies between a jump back and where it goes; empty where there
    is none.
    """
    # Behind its end a kernel has a jump to itself, which is no loop.
    spans = [(each.target, each.address) for each in kernel if each.target is not None and each.target < each.address]
    loops = {span: [each for each in kernel if span[0] <= each.address <= span[1]] for span in spans}
    most = max((mix(loop)["float"] for loop in loops.values()), default=0)
    if most:
        return min((loop for loop in loops.values() if 2 * mix(loop)["float"] >= most), key=len)
    innermost = [
        loop
        for span, loop in loops.items()
        if not any(span != other and span[0] <= other[0] and other[1] <= span[1] for other in loops)
    ]
    return max(innermost, key=len, default=[])


def mix(instructions: Sequence[Instruction]) -> Counter[str]:
    """How many instructions of each class."""
    return Counter(each.kind for each in instructions)
