"""The law of locality: each element of an operand goes where the formula takes it, and nowhere else."""

from __future__ import annotations

import numpy as np

from refconv import exact
from refconv.operands import Array
from refconv.problem import LETTERS, OPERANDS, RESULTS, Problem
from refconv_properties import walls
from refconv_properties.broken import LawBroken, element, number, only_if
from refconv_properties.laws import law
from refconv_properties.reach import Reach, reach
from refconv_properties.subject import Subject

NAN = 0x7FF8DEAD  # as a float32, or as either half of a float64, a NaN; elsewhere garbage


@law(
    "locality",
    "one element of X, W or G, alone, or NaN or infinite, reaches exactly the sums that have it in a term",
    kills="windows that reach into another image, group, row or beyond the array; maxima and masks that swallow a NaN",
    trust="the index map says which sums hold it; where only an explicit zero may meet it, both are right",
    seen=(
        "tensorflow/tensorflow#24196",
        "openxla/xla#48713",
        "pytorch/pytorch#12484",
        "tensorflow/tensorflow#60315",
        "apache/mxnet#2069",
        "pytorch/pytorch#19912",
    ),
)
def test_locality(conv: Subject, problem: Problem, seed: int) -> None:
    """One operator and one element of one of its operands, by the seed; beside the operands in memory lie NaNs."""
    only_if(problem.batch > 0)
    random = np.random.default_rng([seed, 30])
    operator = conv.operators[random.integers(len(conv.operators))]
    o = exact.operands(problem, seed, conv.format, operators=(operator,))
    names = OPERANDS[operator]
    which = int(random.integers(2))
    operands = [np.where(array == 0, array.dtype.type(1), array) for array in (getattr(o, name) for name in names)]
    chosen = operands[which]
    index = tuple(int(random.integers(size)) for size in chosen.shape)
    where = reach(operator, names[which], index, problem)
    source = element(LETTERS[names[which]], index)

    def computed(values: Array) -> Array:
        handed = [walls.walled(values if place == which else operands[place], NAN)[1] for place in range(2)]
        with np.errstate(all="ignore"):  # NumPy would warn of the infinity's product with zero
            return conv.call(operator, handed[0], handed[1], problem, copy=False)

    alone = np.zeros_like(chosen)
    alone[index] = chosen[index]
    _reaches_exactly(computed(alone) != 0, computed(alone), where.must, RESULTS[operator], f"{source} alone is not 0")
    if conv.format.rounds:
        poison = (np.nan, np.inf, -np.inf)[random.integers(3)]
        poisoned = chosen.copy()
        poisoned[index] = poison
        expected, actual = computed(chosen), computed(poisoned)
        as_it_must = np.isnan if np.isnan(poison) else np.isinf  # one infinite term, and finite ones
        _poisons(actual, expected, as_it_must(actual), where, RESULTS[operator], f"{source} = {poison}")


def _reaches_exactly(reached: Array, result: Array, must: Array, name: str, cause: str) -> None:
    wrong = reached != must
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        holds = "a term of its sum holds it" if must[index] else "no term of its sum holds it"
        raise LawBroken(f"{element(name, index)} = {number(result[index])} where {cause}, but {holds}")


def _poisons(actual: Array, expected: Array, poisoned: Array, where: Reach, name: str, cause: str) -> None:
    """Poisoned where it must be; elsewhere as before, or, where an explicit zero may meet it, not finite either."""
    wrong = np.where(where.must, ~poisoned, ~(actual == expected) & ~(where.may & ~np.isfinite(actual)))
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        value = number(actual[index])
        if where.must[index]:
            raise LawBroken(f"{element(name, index)} = {value}, but a term of its sum holds {cause}")
        raise LawBroken(
            f"{element(name, index)} = {value}, and {number(expected[index])} without {cause}, "
            "but no term of its sum holds that"
        )
