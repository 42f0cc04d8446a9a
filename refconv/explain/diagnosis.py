"""Why a result is wrong: the terms of its first wrong element, where the wrong ones are, and a simple mistake."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from refconv import exact
from refconv.explain import shapes
from refconv.explain.mistakes import TABLE, Case, Hypothesis
from refconv.explain.terms import Call, Index, Prober, Reading, Term
from refconv.formats import Format, FormatLike, format_of
from refconv.operands import Array
from refconv.problem import LETTERS, OPERANDS, RESULTS, Operator, Problem

SECONDS = 1.0  # for one explanation
UNIFORM = (1, 3, 5)  # seeds of operands that tell the most apart, see `exact.PATTERNS`
SHOWN = 3  # terms of a list that are written out
LARGEST = 500_000  # products in one changed formula: above that, no hypothesis is tried
_AXES: dict[Operator, tuple[str, ...]] = {
    "forward": ("image", "row", "column", "output channel"),
    "grad_input": ("image", "row", "column", "input channel"),
    "grad_weight": ("tap row", "tap column", "tap channel", "output channel"),
}


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with one result.

    index: of the first wrong element, or None where nothing is. reading: its terms, where they could be read off.
    hypothesis: a sentence that explains every element, or empty. sentences: all of it, a line each.
    """

    operator: Operator
    problem: Problem
    index: Index | None = None
    computed: float = 0
    expected: float = 0
    wrong: int = 0
    size: int = 0
    reading: Reading | None = None
    hypothesis: str = ""
    sentences: list[str] = field(default_factory=list)


def sentences(
    call: Call,
    problem: Problem,
    operator: Operator,
    first: Array,
    second: Array,
    result: Array | None = None,
    *,
    form: FormatLike | None = None,
    seconds: float = SECONDS,
) -> list[str]:
    """Why ``result`` is wrong, in at most eight lines; none where it is right. Arguments as for `diagnose`."""
    return diagnose(call, problem, operator, first, second, result, form=form, seconds=seconds).sentences


@np.errstate(all="ignore")  # what a mistake does to numbers may be anything
def diagnose(
    call: Call,
    problem: Problem,
    operator: Operator,
    first: Array,
    second: Array,
    result: Array | None = None,
    *,
    form: FormatLike | None = None,
    seconds: float = SECONDS,
) -> Diagnosis:
    """Compares ``result`` with the formula, and finds out why it differs.

    call: ``call(operator, first, second, problem)`` of the implementation; it may raise, anything. first, second: the
    integer operands, in the contract's order, that gave ``result``; None calls for it. form: their format, where that
    is not their dtype. seconds: when to stop looking, but for a call that is under way.
    """
    form = format_of(first.dtype if form is None else form)
    deadline = time.monotonic() + seconds
    if result is None:
        try:
            result = call(operator, first, second, problem)
        except Exception as error:
            return Diagnosis(operator, problem, sentences=[f"{operator} raised {type(error).__name__}: {error}"])
    if result.shape != problem.result_shape(operator):
        sentence = _shape(call, problem, operator, form, result.shape, deadline)
        return Diagnosis(operator, problem, sentences=[sentence] if sentence else [])
    case = Case(operator, first, second, problem, form)
    if problem.multiplications > LARGEST:
        from refconv import windows

        expected: Array = getattr(windows, operator)(first, second, problem)
    else:
        expected = case.expected
    wrong = ~(result == expected)
    if not wrong.any():
        return Diagnosis(operator, problem, size=wrong.size)
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    lines, hypothesis, reading = _where(operator, wrong), "", None
    if differs := _unrepeatable(call, case, result, deadline):
        lines.append(differs)
    else:
        if problem.multiplications <= LARGEST:
            hypothesis = _hypothesis(call, case, result, deadline - seconds / 2)
        else:
            hypothesis = _on_smaller(call, case, deadline - seconds / 2)
        prober = Prober(call, problem, operator, index, (first.shape, second.shape), form, deadline)
        reading = prober.read()
        lines += _terms(operator, problem, reading)
        lines += _doubts(prober, first, second, result)
    if hypothesis:
        lines.insert(0, hypothesis)
    return Diagnosis(
        operator,
        problem,
        index,
        result[index].item(),
        expected[index].item(),
        int(wrong.sum()),
        wrong.size,
        reading,
        hypothesis,
        lines[:8],
    )


# -- terms ----------------------------------------------------------------------------------------


def element(name: str, index: tuple[int, ...]) -> str:
    """``Y[0,1,1,0]``."""
    return f"{name}[{','.join(map(str, index))}]"


def named(operator: Operator, term: Term, problem: Problem) -> str:
    """A product in index notation, as the formulas write it: ``X[0,2,1,0] W[1,1,0,2]``."""
    shape = {"x": problem.x_shape, "w": problem.w_shape, "gy": problem.y_shape}
    factors = [
        element(LETTERS[name], tuple(int(i) for i in np.unravel_index(flat, shape[name])))
        for name, flat in zip(OPERANDS[operator], term, strict=True)
    ]
    return " ".join(reversed(factors) if operator == "grad_weight" else factors)


def _terms(operator: Operator, problem: Problem, reading: Reading) -> Iterator[str]:
    subject = element(RESULTS[operator], reading.index)

    least = "at least " if reading.limit else ""

    def listed(terms: list[Term], total: str = "") -> str:
        text = ", ".join(named(operator, term, problem) for term in terms[:SHOWN])
        return text + (f" and {len(terms) - SHOWN} more" if len(terms) > SHOWN else "") + total

    if reading.offset:
        yield f"{subject} is {reading.offset:g} where every operand is 0: something else is added, or left in memory"
    if not np.isfinite(reading.offset):
        return
    if reading.missing:
        share = f" ({least}{len(reading.missing)} of its {reading.terms} terms)"
        yield f"{subject} lacks {listed(reading.missing, share)}"
    # Those first that stand where a missing one should: with the same second operand.
    partners = {b: place for place, (_, b) in reversed(list(enumerate(reading.missing)))}
    foreign = sorted(reading.foreign, key=lambda found: partners.get(found[0][1], len(partners)))
    once = [term for term, count in foreign if count == 1]
    if once:
        instead = " instead" if reading.missing else ", no term of it"
        yield f"{subject} has {listed(once)}{instead}"
    for what, counted in (("has", foreign), ("counts", reading.counted)):
        by_count: dict[float, list[Term]] = {}
        for term, count in counted:
            if what == "counts" or count != 1:
                by_count.setdefault(count, []).append(term)
        for count, terms in list(by_count.items())[:2]:
            times = "twice" if count == 2 else "with a minus" if count == -1 else f"{count:g} times"
            alien = ", no term of it" if what == "has" and not reading.missing else ""
            yield f"{subject} {what} {listed(terms)} {times}{alien}"


def _doubts(prober: Prober, first: Array, second: Array, result: Array) -> Iterator[str]:
    """What the terms do not say, or why they may not be all."""
    reading = prober.reading
    subject = element(RESULTS[prober.operator], reading.index)
    if reading.limit:
        yield f"its terms were not all read off: {reading.limit}"
        return
    if not np.isfinite(reading.offset):
        return
    value, told = result[reading.index].item(), prober.explained(first, second)
    if told == value:
        return
    if reading.is_empty:
        yield f"on one-hot operands {subject} has exactly its {reading.terms} terms: the mistake depends on the values"
    else:
        yield f"these terms add up to {told:g}, not {value:g}: it is no sum of products, or it depends on the values"


def _unrepeatable(call: Call, case: Case, result: Array, deadline: float) -> str:
    """What the same call gives another time, if that is something else."""
    again = _answer(call, case, deadline)
    if again is None or again.shape != result.shape:
        return ""
    same = (again == result) | ((again != again) & (result != result))
    if same.all():
        return ""
    index = tuple(int(i) for i in np.argwhere(~same)[0])
    return (
        f"the same call again gives {element(RESULTS[case.operator], index)} = {again[index].item():g}, not "
        f"{result[index].item():g}: it depends on more than its operands"
    )


# -- where ----------------------------------------------------------------------------------------


def _where(operator: Operator, wrong: Array) -> list[str]:
    """The wrong elements by their place, if they are on some of the lines of some axes only."""
    if wrong.all() or wrong.size == 1:
        return []
    places, box = [], np.ones(wrong.shape, bool)
    for axis, name in enumerate(_AXES[operator]):
        size = wrong.shape[axis]
        on = np.flatnonzero(wrong.any(axis=tuple(a for a in range(wrong.ndim) if a != axis)))
        if len(on) < size:
            low, high = int(on[0]), int(on[-1])
            shape = [1] * wrong.ndim
            shape[axis] = size
            box &= np.isin(np.arange(size), on).reshape(shape)
            if len(on) == high - low + 1:
                place = f"{name} {low}" if low == high else f"{name}s {low} to {high}"
            else:
                place = f"{name}s {', '.join(map(str, on[:6]))}{', ...' if len(on) > 6 else ''}"
            places.append(f"{place} (of 0 to {size - 1})")
    if not places:
        return []
    exactly = "exactly those" if (wrong == box).all() else "among those"
    return [f"the wrong elements are {exactly} of {', '.join(places)}"]


# -- hypotheses -----------------------------------------------------------------------------------


def _hypothesis(call: Call, case: Case, result: Array, deadline: float) -> str:
    """The mistake that explains every element, here and for other operands, and most other problems; or nothing."""
    survivors = []
    for mistake in TABLE:
        if time.monotonic() > deadline:
            return ""
        if mistake.explains(case, result):
            survivors.append(mistake)
    if not survivors:
        return ""
    for seed in UNIFORM[:2]:
        other = _case(case.operator, case.problem, case.format, seed)
        answer = _answer(call, other, deadline)
        if answer is not None:
            survivors = [mistake for mistake in survivors if mistake.explains(other, answer)]
    if not survivors:
        return ""
    for_, against = dict.fromkeys(survivors, 0), dict.fromkeys(survivors, 0)
    for problem in variations(case.problem):
        other = _case(case.operator, problem, case.format, UNIFORM[2])
        answer = _answer(call, other, deadline)
        if answer is None or answer.shape != other.expected.shape:
            continue
        is_right = bool((answer == other.expected).all())
        for mistake in survivors:
            if not mistake.explains(other, answer):
                against[mistake] += 1
            elif not is_right:  # else the mistake would not show there
                for_[mistake] += 1
    # Of equals, the first of the table.
    best: Hypothesis = max(survivors, key=lambda mistake: (for_[mistake] > 0, for_[mistake] - against[mistake]))
    tried = for_[best] + against[best]
    if for_[best] * 2 < tried:
        return ""  # it happens to fit here, where little can be told apart
    elsewhere = f", here and on {for_[best]} of {tried} other problems" if tried else ""
    return f"one mistake explains every element{elsewhere}: {best.sentence}"


def _on_smaller(call: Call, case: Case, deadline: float) -> str:
    """The mistake on a smaller problem, if that is wrong as well, because this one is too large to try each on."""
    small = case.problem
    while small.multiplications > LARGEST // 8:
        p, l, g = small.c_in_per_group, small.c_out_per_group, small.groups
        if small.batch > 2:
            small = small.replace(batch=(small.batch + 1) // 2)
        elif max(p, l) > 2:
            small = small.replace(c_in=(p + 1) // 2 * g, c_out=(l + 1) // 2 * g)
        elif g > 2:
            small = small.replace(c_in=2 * p, c_out=2 * l, groups=2)
        else:
            return ""
    other = _case(case.operator, small, case.format, UNIFORM[0])
    answer = _answer(call, other, deadline)
    if answer is None or answer.shape != other.expected.shape or (answer == other.expected).all():
        return ""
    hypothesis = _hypothesis(call, other, answer, deadline)
    return f"on {small}, {hypothesis}" if hypothesis else ""


def _shape(call: Call, problem: Problem, operator: Operator, form: Format, shape: Index, deadline: float) -> str:
    """The slip that makes this shape, and the shapes of most other problems; or nothing."""
    slips = shapes.slips(operator, shape, problem)
    fitting = dict.fromkeys(slips, 0)
    if len(slips) > 1:
        for other in variations(problem):
            answer = _answer(call, _case(operator, other, form, UNIFORM[0]), deadline)
            for slip in shapes.slips(operator, answer.shape, other) if answer is not None else ():
                if slip in fitting:
                    fitting[slip] += 1
    best = max(slips, key=lambda slip: fitting[slip], default="")
    return f"{RESULTS[operator]} would have this shape if {best}" if best else ""


def _case(operator: Operator, problem: Problem, form: Format, seed: int) -> Case:
    drawn = exact.operands(problem, seed, form, operators=(operator,))
    first, second = (getattr(drawn, name) for name in OPERANDS[operator])
    return Case(operator, first, second, problem, form)


def _answer(call: Call, case: Case, deadline: float) -> Array | None:
    """The implementation's result, or None where it gives none, or time is up."""
    if time.monotonic() > deadline:
        return None
    try:
        return call(case.operator, case.first.copy(), case.second.copy(), case.problem)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # a time limit need not be an Exception
        return None


def variations(problem: Problem) -> list[Problem]:
    """Problems like this one, but larger and less symmetric: what looks alike on a small one differs here."""
    (a_h, a_w), (s_h, s_w), (d_h, d_w), groups = problem.kernel, problem.stride, problem.dilation, problem.groups
    top, bottom, left, right = problem.padding
    batch = problem.batch | 1
    # Odd numbers leave something over, whatever the tile.
    images: dict[str, object] = {
        "batch": batch + 2,
        "height": (problem.height + 2) | 1,
        "width": (problem.width + 5) | 1,
    }
    channels: dict[str, object] = {
        "c_in": (problem.c_in_per_group | 1) * groups + 2 * groups,
        "c_out": (problem.c_out_per_group | 1) * groups + 4 * groups,
    }
    base = {**images, **channels}
    changes: list[dict[str, object]] = [
        images,
        channels,
        base,
        {**base, "kernel": (a_h + 1, a_w + 2), "height": problem.height + 4 * d_h, "width": problem.width + 6 * d_w},
        {
            **base,
            "stride": (s_h + 1, s_w + 2),
            "height": problem.height + 3 * s_h + 4,
            "width": problem.width + 3 * s_w + 9,
        },
        {**base, "padding": (top + 1, bottom, left + 2, right + 1)},
        {
            **base,
            "padding": (top, bottom + 1, left, right + 2),
            "height": problem.height + 4,
            "width": problem.width + 8,
        },
        {
            **base,
            "padding": (top, bottom + 2, left, right + 1),
            "height": problem.height + 5,
            "width": problem.width + 7,
        },
        {
            **base,
            "padding": (top, bottom + 2, left + 1, right),
            "kernel": (a_h + 1, a_w),
            "height": problem.height + 3 * d_h,
        },
        {
            **base,
            "kernel": (max(a_h, 2), max(a_w, 3)),
            "dilation": (d_h + 1, d_w + 2),
            "height": problem.height + 6 * a_h + d_h,
            "width": problem.width + 9 * a_w + 2 * d_w,
        },
        {**base, "groups": 2 * groups, "c_in": 6 * groups, "c_out": 10 * groups},
    ]
    found = []
    for change in changes:
        try:
            other = problem.replace(**change)
        except ValueError:
            continue
        if other.multiplications <= 8 * LARGEST:  # only the mistakes that are left are tried there
            found.append(other)
    return found
