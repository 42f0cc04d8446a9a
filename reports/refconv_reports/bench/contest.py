"""One case, from exact operands to figures: certified first, timed afterwards, compared with a peer of the same run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from refconv import certificate
from refconv.certificate import Expected, Pair
from refconv.formats import format_of
from refconv.implementation import ImplementationError
from refconv.problem import OPERANDS, RESULTS
from refconv_cuda.device import DeviceMissing
from refconv_reports.bench import buffers, traffic
from refconv_reports.bench.choose import Case
from refconv_reports.bench.contestants import Contestant, Field
from refconv_reports.bench.peaks import Peaks
from refconv_reports.bench.timing import Timing, Unsynchronised

SECONDS = {"gpu": 0.08, "cpu": 0.25, "simulator": 0.25}  # of one case's rounds, roughly
FASTER_THAN_MEMORY = 2.0  # times; beyond it, what was timed did not read its operands
CLOSE = 2.0**-10  # of the largest element, what another algorithm may lose; narrow formats, four roundings


class WrongResult(AssertionError):
    """A result is not the convolution of its operands, so its time does not count. The message names an element."""


class Refused(Exception):
    """A case cannot be measured, and nobody is to blame; the message says why."""


@dataclass(frozen=True)
class Measured:
    """A case, its durations, and what is told of it besides: ``extra_info`` of the schema."""

    case: Case
    timing: Timing
    info: dict[str, Any]


class Contest:
    """Measures cases one after another; those of one cell should follow each other, the peers first.

    peaks: of the GPU, or None. seconds: of each case's rounds, roughly.
    """

    def __init__(
        self, field: Field, peaks: Peaks | None = None, *, seconds: float | None = None, seed: int = 1
    ) -> None:
        self.field, self.peaks, self.seed = field, peaks, seed
        self.seconds = SECONDS[field.device] if seconds is None else seconds
        self._cell: _Cell | None = None

    def measure(self, case: Case) -> Measured:
        """Raises `WrongResult`, `Refused`, `timing.Unsynchronised`, or what the implementation raises."""
        contestant = self.field[case.spec]
        problem, operator = case.layer.problem, case.operator
        if (why_not := contestant.unsupported(problem)) is not None:
            raise Refused(f"{case.name}: {why_not}")
        cell = self._cell_of(case)
        try:
            with self._settled(), contestant.precisely(case.dtype) as settings:
                inexact = self._certify(case, contestant, cell)
                rotated = buffers.rotation(contestant.home, operator, problem, case.dtype)
                timing = contestant.home.time(lambda i: contestant.call(operator, *rotated[i], problem), self.seconds)
        except (ImplementationError, DeviceMissing) as reason:  # the device lacks the format, or a header, say
            raise Refused(str(reason)) from reason
        except Exception as error:
            if _out_of_memory(error):
                raise Refused(f"{case.name} needs more memory than there is") from error
            if case.role == "peer" and not isinstance(error, (WrongResult, Refused, Unsynchronised)):
                raise Refused(f"{case.name} raised {type(error).__name__}: {_first_line(error)}") from error
            raise
        work = traffic.work(problem, operator, case.dtype)
        self._plausible(case, work, timing)
        kernel, tile = contestant.launches(operator, problem, case.dtype)
        info = {
            "kind": "layer",
            "layer": case.layer.name,
            "problem": str(problem),
            "scaled": case.layer.changes,
            "operator": operator,
            "dtype": case.dtype,
            "implementation": case.name,
            "kernel": kernel,
            "tile": tile,
            "role": case.role,
            "timer": timing.timer,
            "certified": inexact is None,
            **traffic.figures(work, case.dtype, timing.median, self.peaks),
            **cell.beside_the_peer(case, timing),
            "settings": settings,
        }
        if inexact is not None:
            info["inexact"] = inexact
        return Measured(case, timing, info)

    @contextlib.contextmanager
    def _settled(self) -> Iterator[None]:
        """Gives memory back afterwards; what went wrong inside is told, whatever that has left behind."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(Exception):
                self.field.settle()
            raise
        self.field.settle()

    def _cell_of(self, case: Case) -> _Cell:
        if self._cell is None or self._cell.key != case.cell:
            self._cell = None  # before the next one takes its memory
            self.field.settle()
            try:
                self._cell = _Cell(case, self.field, self.seed)
            except ValueError as reason:
                raise Refused(str(reason)) from reason
            except MemoryError as error:
                raise Refused(f"{case.layer.name}: its operands need more memory than there is") from error
        return self._cell

    def _certify(self, case: Case, contestant: Contestant, cell: _Cell) -> str | None:
        """None for an exact result. A sentence for a peer's that is not, but close: another algorithm rounds more."""
        names = OPERANDS[case.operator]
        first = contestant.home.operand(cell.pair.first, names[0], case.dtype)
        second = contestant.home.operand(cell.pair.second, names[1], case.dtype)
        raw = contestant.call(case.operator, first, second, case.layer.problem)
        result = contestant.home.result(raw, case.operator)
        _is_a_result(case, result, cell.pair)
        verdict = cell.expected.certify(result)
        if verdict.wrong is None:
            cell.right = result if cell.right is None else cell.right
            return None
        wrong = verdict.wrong
        place = ",".join(map(str, wrong.index))
        told = f"{RESULTS[case.operator]}[{place}] = {wrong.computed:.9g}, but the sum is {wrong.expected}"
        if case.role == "peer" and cell.close(result, self._reference(case, cell)):
            return told
        where = "taps" if case.operator == "grad_weight" else "pixels"
        raise WrongResult(f"{case.name} is wrong on {case.layer.problem}: {told} (wrong at {verdict.places} {where})")

    def _reference(self, case: Case, cell: _Cell) -> Any:
        """A result that is certified exact: refconv's own, by way of the im2col that is always there."""
        if cell.right is None:
            own = self.field["im2col" if self.field.device == "gpu" else "windows"]
            if case.dtype not in own.dtypes:
                raise Refused(f"{case.name} is not exact in {case.dtype}, and nothing here can tell how far off it is")
            with own.precisely(case.dtype):
                result = own.call(case.operator, cell.pair.first, cell.pair.second, case.layer.problem)
            if not cell.expected.certify(result).holds:
                raise WrongResult(f"{own.name} is wrong on {case.layer.problem}, and {case.name} cannot be judged")
            cell.right = result
        return cell.right

    def _plausible(self, case: Case, work: traffic.Work, timing: Timing) -> None:
        """Nothing reads its operands faster than the memory: if it seems so, the work was elsewhere."""
        if self.peaks is not None and timing.median * self.peaks.bandwidth * FASTER_THAN_MEMORY < work.read:
            raise Unsynchronised(
                f"{case.name} seems to read {work.read / timing.median / 1e12:.1f} TB/s on {case.layer.problem}, "
                f"but the memory has {self.peaks.bandwidth / 1e12:.1f}"
            )


class _Cell:
    """What the cases of one layer, operator and precision share."""

    def __init__(self, case: Case, field: Field, seed: int) -> None:
        self.key = case.cell
        self.form = format_of(case.dtype)
        self.pair = field.exact(case.operator, case.layer.problem, seed, case.dtype)
        self.expected = Expected(case.operator, self.pair, case.layer.problem, seed + 1)
        self.right: Any = None
        self._peer: tuple[str, float] | None = None

    def beside_the_peer(self, case: Case, timing: Timing) -> dict[str, Any]:
        """The first peer's name and median over one's own; nulls for that peer itself."""
        if self._peer is None or self._peer[0] == case.name:
            if case.role == "peer" and self._peer is None:
                self._peer = (case.name, timing.median)
            return {"peer": None, "peer_ratio": None}
        name, median = self._peer
        return {"peer": name, "peer_ratio": median / timing.median}

    def close(self, result: Any, right: Any) -> bool:
        """Whether no element differs by more than another algorithm may lose; NaN is not close."""
        xp = certificate.array_module(result)
        lost = max(CLOSE, 4 * 2.0**-self.form.multiplied)
        return bool(float(xp.abs(result - right).max()) <= lost * float(xp.abs(right).max()))


def _is_a_result(case: Case, result: Any, pair: Pair) -> None:
    if tuple(result.shape) != case.layer.problem.result_shape(case.operator):
        raise WrongResult(
            f"{case.name} returned shape {tuple(result.shape)} for {case.operator} of {case.layer.problem}"
        )
    if type(result).__module__.partition(".")[0] != type(pair.first).__module__.partition(".")[0]:
        raise Refused(f"{case.name} returned {type(result).__module__}.{type(result).__name__}, which cannot be judged")
    if result.dtype != pair.first.dtype and case.role != "peer":
        raise WrongResult(f"{case.name} returned dtype {result.dtype} for operands of dtype {pair.first.dtype}")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _out_of_memory(error: Exception) -> bool:
    """Python's, CuPy's and PyTorch's errors have that in common in their names."""
    return any(name in type(error).__name__ for name in ("OutOfMemory", "MemoryError"))
