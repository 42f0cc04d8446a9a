"""A call that went wrong, and a guess at the mistake that would explain the whole of its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from refconv.explain.form import Form
from refconv.formats import Format
from refconv.operands import Array
from refconv.problem import Operator, Problem


@dataclass(frozen=True)
class Case:
    """One call: an operator, its operands in the contract's order, the problem, and the format."""

    operator: Operator
    first: Array
    second: Array
    problem: Problem
    format: Format

    @cached_property
    def expected(self) -> Array:
        """What the formula gives."""
        return self.apply(self.form)

    @cached_property
    def form(self) -> Form:
        """The formula's own terms."""
        return Form.of(self.problem)

    def apply(self, form: Form) -> Array:
        """What another form gives."""
        return form.apply(self.operator, self.first, self.second, self.problem)

    def over(self, name: str, change: Callable[[Array], Array]) -> Array:
        """What the formula gives if X, W or Y (``name``) is changed on its way in or out: a view, a permutation."""
        operands = {"forward": ("X", "W"), "grad_input": ("Y", "W"), "grad_weight": ("Y", "X")}[self.operator]
        if name not in operands:
            changed = change(self.expected)
            return changed if changed.shape == self.expected.shape else changed.reshape(self.expected.shape)
        first, second = (
            change(operand).reshape(operand.shape) if name == its else operand
            for operand, its in zip((self.first, self.second), operands, strict=True)
        )
        return self.form.apply(self.operator, first, second, self.problem)


@dataclass(frozen=True)
class Hypothesis:
    """sentence: what went wrong. result: what it makes of a case; ``ValueError`` or None where it says nothing."""

    sentence: str
    result: Callable[[Case], Array | None]

    def explains(self, case: Case, result: Array) -> bool:
        """Whether it gives every element of ``result``."""
        try:
            mine = self.result(case)
        except (ValueError, IndexError):
            return False
        return mine is not None and mine.shape == result.shape and bool((mine == result).all())
