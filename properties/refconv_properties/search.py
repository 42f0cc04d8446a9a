"""The engine: Hypothesis searches for a problem on which an implementation breaks a law.

What is varied, and shrinks, is the problem, a seed from which the operands follow, and with it the simulator's
schedule. So a counterexample is three words: a problem's text form, a seed, and the law's name.
"""

from __future__ import annotations

import hashlib
import shlex
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import seed as seeded
from hypothesis.errors import Flaky, Unsatisfiable

from refconv.problem import Problem
from refconv_cuda.simulator import schedule
from refconv_properties import strategies
from refconv_properties.broken import LawBroken, NotApplicable, TimeLimitExceeded
from refconv_properties.cases import CASES
from refconv_properties.laws import Law
from refconv_properties.subject import Subject

Verdict = Literal["held", "broken", "skipped"]

PROFILES = {"quick": 200, "ci": 1000, "thorough": 10_000}


@dataclass(frozen=True)
class Counterexample:
    """Where a law broke: reproduce it with ``command``."""

    problem: str
    seed: int
    command: str
    explanation: list[str]


@dataclass
class Outcome:
    """What became of a law. examples: those on which it was tried in full; reason: why it was skipped."""

    law: str
    verdict: Verdict
    examples: int = 0
    seconds: float = 0.0
    reason: str | None = None
    counterexample: Counterexample | None = None
    unsupported: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """How to search. problems: only these, with ``seed`` as the operands' seed; none: ``examples`` drawn ones."""

    examples: int = PROFILES["quick"]
    seed: int = 0
    problems: Sequence[Problem] = ()


@dataclass(frozen=True)
class Failure:
    """An example on which a law broke. again: whether it did so at every try."""

    problem: Problem
    seed: int
    failure: LawBroken | TimeLimitExceeded
    again: bool = True


class _Found(Exception):
    """Tells Hypothesis that an example breaks the law."""


class Searching:
    """One law on one implementation. on_example: told of each example before it is tried."""

    def __init__(
        self,
        law: Law,
        conv: Subject,
        plan: Plan,
        on_example: Callable[[Problem, int], None] = lambda problem, seed: None,
    ) -> None:
        self.law = law
        self.conv = conv
        self.plan = plan
        self.on_example = on_example
        self.examples = 0
        self._first: Failure | None = None
        self._last: Failure | None = None

    def run(self) -> Outcome:
        """Searches until the law is broken or the plan is done. Only ``KeyboardInterrupt`` passes through."""
        reason = self.law.inapplicable(self.conv)
        if reason is not None:
            return Outcome(self.law.name, "skipped", reason=reason)
        started = time.perf_counter()
        self.conv.unsupported.clear()
        outcome = self._outcome()
        outcome.examples = self.examples
        outcome.seconds = time.perf_counter() - started
        outcome.unsupported = dict(self.conv.unsupported)
        return outcome

    def _outcome(self) -> Outcome:
        named = self._named_failure()
        if named is not None and (self.plan.problems or isinstance(named.failure, TimeLimitExceeded)):
            return self._broken(named)
        if not self.plan.problems:
            found = self._search()
            if found is not None:
                return self._broken(found)
        if named is not None:
            return self._broken(named)
        if self.examples == 0:
            return Outcome(self.law.name, "skipped", reason=self._why_nothing())
        return Outcome(self.law.name, "held")

    def _named_failure(self) -> Failure | None:
        """The first failure on the plan's problems, or on the named cases that ride along."""
        for problem in self.plan.problems or CASES.values():
            seed = self.plan.seed if self.plan.problems else zlib.crc32(str(problem).encode()) % 256
            try:
                self._try(problem, seed)
            except (LawBroken, TimeLimitExceeded) as failure:
                return Failure(problem, seed, failure)
            except NotApplicable:
                continue
        return None

    def _search(self) -> Failure | None:
        """The smallest failure that Hypothesis finds."""
        self._first = None
        try:
            self._hypothesis()()
        except (_Found, TimeLimitExceeded):
            return self._last
        except Flaky:
            # Found once, gone at the replay of the very same example: that itself is a finding.
            return replace(self._first, again=False) if self._first else None
        except Unsatisfiable:
            pass
        return None

    def _hypothesis(self) -> Any:
        """The Hypothesis test of this law. Its name keys the drawn examples: each law searches problems of its own."""

        def search(problem: Problem, seed: int) -> None:
            failure = None
            try:
                self._try(problem, seed)
            except NotApplicable:
                reject()
            except TimeLimitExceeded as late:
                self._last = Failure(problem, seed, late)
                raise
            except LawBroken as broken:
                failure = Failure(problem, seed, broken)
            # Raised from one line and without a cause: Hypothesis shrinks failures of different origin apart, and to
            # us they are one, of which the smallest counts.
            if failure is not None:
                self._last = failure
                self._first = self._first or failure
                raise _Found

        label = f"{self.law.name} {self.conv.implementation.spec} {self.conv.implementation.device} {self.conv.dtype}"
        search.__name__ = f"search_{hashlib.sha256(label.encode()).hexdigest()[:16]}"
        test = given(problem=strategies.problems(), seed=strategies.seeds())(search)
        # Every law searches its own problems, and the same ones when it runs again with the plan's seed.
        test = seeded(zlib.crc32(f"{self.plan.seed} {label}".encode()))(test)
        return settings(
            max_examples=self.plan.examples,
            database=None,  # a search depends on its seed, and on nothing else
            # Without `explain`, which would try hundreds of larger examples after the smallest.
            phases=(Phase.generate, Phase.shrink),
            deadline=None,
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )(test)

    def _try(self, problem: Problem, seed: int) -> None:
        self.on_example(problem, seed)
        with schedule.scheduled(schedule.Schedule.from_seed(seed)):
            self.law.body(self.conv, problem, seed)
        self.examples += 1

    def _broken(self, found: Failure) -> Outcome:
        sentences = [str(found.failure)]
        if isinstance(found.failure, TimeLimitExceeded):
            sentences.append("not shrunk, because every try would take as long")
        if not found.again:
            sentences.append("but not at every try: the same call gives different results at different times")
        return broken_outcome(self.law.name, self.conv, found.problem, found.seed, sentences)

    def _why_nothing(self) -> str:
        if self.conv.unsupported:
            reason, _ = Counter(self.conv.unsupported).most_common(1)[0]
            return f"supports none of the problems tried: {reason}"
        return "says nothing about any of the problems tried"


def broken_outcome(law: str, conv: Subject, problem: Problem, seed: int, sentences: list[str]) -> Outcome:
    """The outcome of a law that was broken on a problem with a seed."""
    command = reproduction(conv.implementation.spec, conv.implementation.device, str(conv.dtype), law, problem, seed)
    return Outcome(law, "broken", counterexample=Counterexample(str(problem), seed, command, sentences))


def reproduction(spec: str, device: str, dtype: str, law: str, problem: Problem, seed: int) -> str:
    """The command that tries just this law on just this problem."""
    on = f" --device {device}" if device in ("gpu", "simulator") else ""
    return f"refconv check {problem} --impl {shlex.quote(spec)}{on} --dtype {dtype} --law {law} --seed {seed}"
