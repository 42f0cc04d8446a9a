"""Times beside times: of one run, on one machine, for one layer, operator and dtype. Nothing else is comparable."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from refconv.problem import OPERATORS
from refconv_reports.page.schema import Dtype, Layer, Machine
from refconv_reports.page.stored import Run, common

DTYPES = get_args(Dtype)
ROLES: tuple[Literal["ours", "oracle"], ...] = ("ours", "oracle")


@dataclass(frozen=True)
class Duel:
    """Two times for the same case."""

    own: Layer
    peer: Layer

    @property
    def ratio(self) -> float:
        """How many times as fast as the peer; above 1, we are faster."""
        return self.peer.seconds / self.own.seconds


@dataclass(frozen=True)
class Means:
    """Duels in short. mean: geometric; faster: how many have a ratio above 1."""

    mean: float
    least: Duel
    most: Duel
    faster: int
    count: int


@dataclass(frozen=True)
class Subject:
    """What has peers: our kernels (``ours``) or the formulas (``oracle``), in a dtype."""

    role: Literal["ours", "oracle"]
    dtype: str

    def title(self, machine: Machine) -> str:
        """As a heading. Kernels on a GPU go without saying."""
        if self.role == "oracle":
            return f"Formulas, {self.dtype}"
        return self.dtype if machine.device == "gpu" else f"Kernels in the simulator, {self.dtype}"

    @property
    def slug(self) -> str:
        """For anchors and files."""
        return self.dtype if self.role == "ours" else f"formulas-{self.dtype}"


def subjects(runs: Iterable[Run]) -> list[Subject]:
    """Those that any of the runs timed: kernels first, and the widest dtype first."""
    found = {(layer.role, layer.dtype) for run in runs for layer in run.of(Layer)}
    return [Subject(role, dtype) for role in ROLES for dtype in DTYPES if (role, dtype) in found]


def newest(runs: Iterable[Run], subject: Subject) -> Run | None:
    """The newest run that timed a subject, if any; of the same machine."""
    having = [run for run in runs if own(run, subject)]
    return having[-1] if having else None


def own(run: Run, subject: Subject) -> list[Layer]:
    """A subject's times."""
    return [layer for layer in run.of(Layer) if (layer.role, layer.dtype) == (subject.role, subject.dtype)]


def peers(run: Run, subject: Subject) -> list[str]:
    """The names of the peers in its dtype; first the one that its results name."""
    found = {
        layer.implementation: None for layer in run.of(Layer) if (layer.role, layer.dtype) == ("peer", subject.dtype)
    }
    named = common(layer.peer for layer in own(run, subject))
    return sorted(found, key=lambda name: name != named)


def fastest(layers: Iterable[Layer]) -> list[Layer]:
    """The fastest for each case, in the order of the cases."""
    best: dict[tuple[str, ...], Layer] = {}
    for layer in layers:
        known = best.setdefault(layer.case, layer)
        if layer.seconds < known.seconds:
            best[layer.case] = layer
    return [*best.values()]


def duels(ours: Sequence[Layer], run: Run, peer: str) -> list[Duel]:
    """Each of ``ours``, which are of this run, with the peer's time for the same case, where it has one."""
    timed = [layer for layer in run.of(Layer) if layer.role == "peer" and layer.implementation == peer]
    best = {layer.case: layer for layer in fastest(timed)}
    return [Duel(layer, best[layer.case]) for layer in ours if layer.case in best]


def means(found: Sequence[Duel]) -> Means | None:
    """The geometric mean, the extremes and how many are faster; None of no duel."""
    if not found:
        return None
    ordered = sorted(found, key=lambda duel: duel.ratio)
    return Means(
        statistics.geometric_mean(duel.ratio for duel in found),
        ordered[0],
        ordered[-1],
        sum(duel.ratio > 1 for duel in found),
        len(found),
    )


def by_operator(found: Iterable[Duel]) -> dict[str, list[Duel]]:
    """The duels of each operator that has any."""
    duels_of: dict[str, list[Duel]] = {operator: [] for operator in OPERATORS}
    for duel in found:
        duels_of[duel.own.operator].append(duel)
    return {operator: some for operator, some in duels_of.items() if some}
