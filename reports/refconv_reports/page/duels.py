"""Times beside times: of one run, on one machine, for one layer, operator and dtype. Nothing else is comparable."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

from refconv.problem import OPERATORS
from refconv_reports.page.stored import Dtype, Layer, Run, common

DTYPES = get_args(Dtype)


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


def dtypes(run: Run) -> list[str]:
    """Those that a run timed, the widest first."""
    found = dict.fromkeys(layer.dtype for layer in run.of(Layer))
    return sorted(found, key=DTYPES.index)


def newest(runs: Iterable[Run], dtype: str) -> Run:
    """The newest run that timed a dtype; of the same machine."""
    return [run for run in runs if dtype in dtypes(run)][-1]


def own(run: Run, dtype: str) -> list[Layer]:
    """What is to be compared: our kernels, or, where there is none, the oracle's methods."""
    layers = [layer for layer in run.of(Layer) if layer.dtype == dtype]
    return [layer for layer in layers if layer.role == "ours"] or [layer for layer in layers if layer.role == "oracle"]


def peers(run: Run, dtype: str) -> list[str]:
    """The names of the peers in a dtype; first the one that our results name."""
    found = dict.fromkeys(
        layer.implementation for layer in run.of(Layer) if layer.dtype == dtype and layer.role == "peer"
    )
    named = common(layer.peer for layer in own(run, dtype))
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
