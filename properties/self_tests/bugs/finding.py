"""Searching for a planted bug with a law, and counting what it took."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from bugs.catalogue import Bug
from refconv.formats import format_of
from refconv.implementation import Implementation
from refconv.problem import OPERATORS, Problem
from refconv_properties.broken import LawBroken, NotApplicable, TimeLimitExceeded
from refconv_properties.laws import Law
from refconv_properties.search import PROFILES, Outcome, Plan, Searching
from refconv_properties.subject import Subject


@dataclass(frozen=True)
class Search:
    """What became of a search. examples, milliseconds: up to the first failure, without shrinking it."""

    law: Law
    outcome: Outcome
    examples: int
    milliseconds: float

    @property
    def found(self) -> bool:
        """Whether the law was broken."""
        return self.outcome.verdict == "broken"

    @property
    def problem(self) -> str:
        """The shrunken problem."""
        assert self.outcome.counterexample is not None
        return self.outcome.counterexample.problem

    @property
    def sentence(self) -> str:
        """What the law says about it."""
        assert self.outcome.counterexample is not None
        return self.outcome.counterexample.explanation[0]


def search(bug: Bug, law: Law, *, examples: int = PROFILES["ci"], seed: int = 0) -> Search:
    """Searches as `refconv check` does."""
    tried, first = 0, (0, 0.0)
    started = time.process_time()

    def counted(conv: Subject, problem: Problem, operands: int) -> None:
        nonlocal tried, first
        tried += 1
        try:
            law.body(conv, problem, operands)
        except NotApplicable:
            tried -= 1
            raise
        except (LawBroken, TimeLimitExceeded):
            first = first if first[0] else (tried, time.process_time() - started)
            raise

    outcome = Searching(replace(law, body=counted), subject(bug.make(), bug.dtype), Plan(examples, seed)).run()
    return Search(law, outcome, first[0], 1000 * first[1])


def subject(target: object, dtype: str = "float32") -> Subject:
    """An implementation as the laws take it."""
    offered = tuple(operator for operator in OPERATORS if hasattr(target, operator))
    device = getattr(target, "device", "host")
    return Subject(Implementation("it", "it", device, (dtype,), offered, target), format_of(dtype))
