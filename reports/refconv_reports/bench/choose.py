"""What to measure: layers, operators, precisions and implementations, as a list of cases in a sensible order.

Where nothing is asked for, the default is a whole run on a GPU, and a short one elsewhere: one layer of each network,
scaled down. Layers of different networks alternate, so that a run that has to stop early has seen some of each; all of
one layer's cases stand together, the peers' first, because ours are compared with theirs.
"""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from refconv import layers
from refconv.formats import FLOATS, format_of
from refconv.implementation import ImplementationError, registered
from refconv.layers import Layer
from refconv.problem import OPERATORS, Operator, Problem
from refconv_reports.bench.contestants import OURS, DeviceName, Field, Role, role_of
from refconv_reports.bench.peers import PEERS

CHOOSER = "auto"
ORACLES = ("index-sum", "lowering", "transposed", "windows")
CPU_PEERS = ("torch-channels-last", "jax")
GPU_DTYPES = ("float32", "tf32", "float16", "bfloat16")


@dataclass(frozen=True)
class Limits:
    """What a layer is scaled down to. memory: bytes of its tensors; flop: of one operator, or None for any."""

    memory: int
    flop: float | None = None


SCALED: dict[DeviceName, Limits] = {"cpu": Limits(2**24, 2e8), "simulator": Limits(2**22, 4e6)}
LITERAL_FLOP = 1.2e6  # beyond it seven Python loops take seconds


@dataclass(frozen=True)
class Case:
    """One implementation on one layer, for one operator in one precision.

    spec: what it was asked for by; name: its own.
    """

    layer: Layer
    operator: Operator
    dtype: str
    spec: str
    name: str
    role: Role

    @property
    def cell(self) -> tuple[str, str, str, str]:
        """What those have in common that may be compared."""
        return self.layer.name, str(self.layer.problem), self.operator, self.dtype

    @property
    def id(self) -> str:
        """For a person and for pytest."""
        return f"{self.layer.name}-{self.operator}-{self.dtype}-{self.name}"


@dataclass(frozen=True)
class Wanted:
    """What was asked for; empty is the default. texts: names or patterns of layers, or problems. after: the name of a
    layer, which is left out with all that come before it.
    """

    texts: Sequence[str] = ()
    table: Path | None = None
    operators: Sequence[Operator] = ()
    implementations: Sequence[str] = ()
    peers: Sequence[str] = ()
    dtypes: Sequence[str] = ()
    after: str | None = None


@dataclass(frozen=True)
class Plan:
    """The cases, and those that dropped out with the reason, as sentences."""

    cases: tuple[Case, ...]
    left_out: tuple[str, ...] = ()


class NothingToMeasure(Exception):
    """No case is left; the message says why."""


def plan(wanted: Wanted, field: Field) -> Plan:
    """The cases of a run on the device of ``field``.

    Raises ``ValueError`` or ``OSError`` for a layer, a table or a precision that is none, `NothingToMeasure`, and
    `refconv.implementation.ImplementationError` for an implementation that was asked for and cannot be had.
    """
    told: list[str] = []
    dtypes = _dtypes(wanted, field.device, told)
    contestants = _contestants(wanted, field, told)
    chosen = _after(wanted.after, _layers(wanted, field, dtypes, told))
    cases = []
    for layer, operator, dtype in itertools.product(chosen, wanted.operators or OPERATORS, dtypes):
        for spec, role in contestants:
            name = field[spec].name
            if dtype not in field[spec].dtypes:
                told.append(f"{name} is not for {dtype}")
            elif operator not in field[spec].operators:
                told.append(f"{name} has no {operator}")
            elif spec == "index-sum" and 2 * layer.problem.multiplications > LITERAL_FLOP:
                told.append("index-sum, seven loops of Python, is for tiny problems")
            else:
                cases.append(Case(layer, operator, dtype, spec, name, role))
    left_out = tuple(dict.fromkeys(told))
    if not cases:
        raise NothingToMeasure("there is nothing to measure" + "".join(f"; {reason}" for reason in left_out))
    return Plan(tuple(cases), left_out)


def table() -> Path:
    """The layers of known networks that come with refconv."""
    here = Path(__file__).resolve()
    places = (here.parents[1] / "layers.csv", here.parents[2] / "layers.csv")  # the wheel's, the checkout's
    return next((place for place in places if place.is_file()), places[0])


def _dtypes(wanted: Wanted, device: DeviceName, told: list[str]) -> list[str]:
    for name in wanted.dtypes:
        if name not in FLOATS:
            raise ValueError(f"dtype {name!r} must be one of {', '.join(FLOATS)}")
        _ = format_of(name).dtype
    if wanted.dtypes or device != "gpu":
        return [*wanted.dtypes] or ["float32"]
    found = []
    for name in GPU_DTYPES:
        try:
            _ = format_of(name).dtype
        except ValueError as reason:
            told.append(str(reason))
        else:
            found.append(name)
    return found


def _contestants(wanted: Wanted, field: Field, told: list[str]) -> list[tuple[str, Role]]:
    """The peers first. What nobody asked for may be missing; what somebody did may not."""
    found: dict[str, Role] = {}
    for name in wanted.peers or _default_peers(field.device):
        if _is_here(name, field, told, asked=bool(wanted.peers)):
            found[name] = "peer"
    names = wanted.implementations or _default_implementations(field.device)
    if list(names) == ["all"]:
        names = _ours()
    for name in names:
        if name not in found and _is_here(name, field, told, asked=name in wanted.implementations):
            found[name] = role_of(name)
    return [*found.items()]


def _is_here(name: str, field: Field, told: list[str], *, asked: bool) -> bool:
    try:
        return bool(field[name].dtypes)
    except ImplementationError as reason:
        if asked:
            raise
        told.append(str(reason))
        return False


def _default_peers(device: DeviceName) -> Sequence[str]:
    return {"gpu": tuple(PEERS), "cpu": CPU_PEERS, "simulator": ()}[device]


def _default_implementations(device: DeviceName) -> Sequence[str]:
    if device == "cpu":
        return ORACLES
    choosers = [name for name in _ours() if name.startswith(CHOOSER)]  # one for tf32 stands apart
    return choosers or _ours()


def _ours() -> Sequence[str]:
    return [name for name, point in registered().items() if point.value.startswith(OURS)]


# -- layers ----------------------------------------------------------------------------------------


def _layers(wanted: Wanted, field: Field, dtypes: Sequence[str], told: list[str]) -> list[Layer]:
    known = layers.read(wanted.table or table())
    asked = [*dict.fromkeys(_named(wanted.texts, known))]
    widest = max(dtypes, key=lambda dtype: format_of(dtype).itemsize)
    if asked or wanted.table or field.device == "gpu":
        whole = asked or alternating(known)
        return _fitting(whole, widest, Limits(field.memory // 4), told, "is too large for the memory that is free")
    short: list[Layer] = []
    for members in _families(known).values():
        fitting = _fitting(members, widest, SCALED[field.device], [], "")
        short += fitting[:1]
        if not fitting:
            told.append(f"{members[0].name} and its like are too large for a short run")
    return short


def _after(name: str | None, chosen: list[Layer]) -> list[Layer]:
    if name is None:
        return chosen
    names = [layer.name for layer in chosen]
    if name not in names:
        raise ValueError(f"--after {name} must be one of the layers: {', '.join(names)}")
    return chosen[names.index(name) + 1 :]


def _fitting(wanted: Sequence[Layer], dtype: str, limits: Limits, told: list[str], why: str) -> list[Layer]:
    found = []
    for layer in wanted:
        small = scaled(layer, dtype, limits)
        if small is None:
            told.append(f"{layer.name} {why}")
        else:
            found.append(small)
    return found


def _named(texts: Sequence[str], known: Sequence[Layer]) -> Iterable[Layer]:
    for text in texts:
        found = [layer for layer in known if fnmatch.fnmatchcase(layer.name, text)]
        if not found:
            try:
                problem = Problem.parse(text)
            except ValueError as error:
                raise ValueError(f"{text!r} is no layer of the table, and no problem: {error}") from None
            found = [Layer(str(problem), problem)]
        yield from found


def family(layer: Layer) -> str:
    """The network that a layer is of: its name up to the first underscore."""
    return layer.name.partition("_")[0]


def alternating(known: Sequence[Layer]) -> list[Layer]:
    """The first layer of each family, then the second of each, and so on."""
    return [layer for row in itertools.zip_longest(*_families(known).values()) for layer in row if layer is not None]


def _families(known: Sequence[Layer]) -> dict[str, list[Layer]]:
    found: dict[str, list[Layer]] = {}
    for layer in known:
        found.setdefault(family(layer), []).append(layer)
    return found


def scaled(layer: Layer, dtype: str, limits: Limits) -> Layer | None:
    """The layer on so few and so small images that it keeps the limits, or None where its kernel alone does not."""
    memory = limits.memory
    small = layer.scaled(memory, dtype)
    while layers.footprint(small.problem, dtype) > memory or _too_much(small.problem, limits.flop):
        memory = min(memory, layers.footprint(small.problem, dtype)) // 2
        smaller = layer.scaled(memory, dtype)
        if smaller.problem == small.problem:
            return None
        small = smaller
    return small


def _too_much(problem: Problem, flop: float | None) -> bool:
    return flop is not None and 2 * problem.multiplications > flop
