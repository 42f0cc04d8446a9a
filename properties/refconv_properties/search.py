"""The engine: Hypothesis searches for a problem on which an implementation breaks a law.

What is varied, and shrinks, is the problem, a seed from which the operands follow, and with it the simulator's
schedule. So a counterexample is three words: a problem's text form, a seed, and the law's name.
"""

from __future__ import annotations

import hashlib
import math
import shlex
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import seed as seeded
from hypothesis.database import ExampleDatabase
from hypothesis.errors import Flaky, Unsatisfiable

from refconv import exact, explain
from refconv.problem import OPERANDS, Problem
from refconv_cuda.simulator import schedule
from refconv_properties import strategies
from refconv_properties.broken import LawBroken, NotApplicable, TimeLimitExceeded
from refconv_properties.cases import CASES
from refconv_properties.geometry import cells
from refconv_properties.laws import Law
from refconv_properties.subject import Subject

Verdict = Literal["held", "broken", "skipped", "vacuous"]

MOST_EXPLAINED = 2**16  # products: what is drawn is smaller, and what a user names may be a whole layer
NEARLY_NONE = 20  # a law tried on fewer than one example in so many has shown nothing
# What a problem that somebody names is tried with: between them `Subject.one_of` gives each operator, and the operands
# come in three patterns.
SEEDS = (0, 9, 18)
PROFILES = {"quick": 200, "ci": 1000, "thorough": 10_000}


@dataclass(frozen=True)
class Counterexample:
    """Where a law broke: reproduce it with ``command``."""

    problem: str
    seed: int
    command: str
    explanation: list[str]

    @property
    def example(self) -> str:
        """For a Hypothesis test of one's own, over `strategies.problems` and `strategies.seeds`."""
        return f"@example(problem=Problem.parse({self.problem!r}), seed={self.seed})"


@dataclass
class Outcome:
    """What became of a law: held, broken, skipped, or vacuous, which is held in name only.

    examples: those on which it was tried in full; rejected: those about which it says nothing, or which the
    implementation does not support. reason: why it was skipped or is vacuous. cells: how many examples lay in each
    geometry cell.
    """

    law: str
    verdict: Verdict
    examples: int = 0
    rejected: int = 0
    seconds: float = 0.0
    reason: str | None = None
    counterexample: Counterexample | None = None
    unsupported: dict[str, int] = field(default_factory=dict)
    cells: dict[str, int] = field(default_factory=dict)


Example = tuple[Problem, int]
"""A problem, and the seed of its operands."""


@dataclass(frozen=True)
class Plan:
    """How to search. explicit: only these examples; none: ``examples`` drawn ones, from ``seed``.

    database: where failures are kept from run to run; with one, a search begins with what it found before.
    """

    examples: int = PROFILES["quick"]
    seed: int = 0
    explicit: Sequence[Example] = ()
    database: ExampleDatabase | None = None


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
        self._rejected = 0
        self._why_rejected = ""
        self._cells: Counter[str] = Counter()
        self._first: Failure | None = None
        self._last: Failure | None = None

    def run(self) -> Outcome:
        """Searches until the law is broken or the plan is done. Only ``KeyboardInterrupt`` passes through."""
        reason = self.law.inapplicable(self.conv)
        if reason is not None:
            return Outcome(self.law.name, "skipped", reason=reason)
        started = time.perf_counter()
        self.conv.unsupported.clear()
        self.conv.telling = 0
        outcome = self._outcome()
        outcome.examples, outcome.rejected = self.examples, self._rejected
        outcome.cells = dict(self._cells)
        outcome.seconds = time.perf_counter() - started
        outcome.unsupported = dict(self.conv.unsupported)
        return outcome

    def _outcome(self) -> Outcome:
        named = self._named_failure()
        searches = not (self.plan.explicit or self.law.problems)
        if named is not None and (not searches or isinstance(named.failure, TimeLimitExceeded)):
            return self._broken(named)
        if searches:
            found = self._search()
            if found is not None:
                return self._broken(found)
        if named is not None:
            return self._broken(named)
        if self.examples == 0:
            return Outcome(self.law.name, "skipped", reason=self._why_nothing())
        vacuous = self._why_vacuous()
        return Outcome(self.law.name, "vacuous" if vacuous else "held", reason=vacuous)

    def _named_failure(self) -> Failure | None:
        """The first failure on the plan's examples, or on the law's, or on the named cases that ride along."""
        riding = [(self._fitting(p), zlib.crc32(str(p).encode()) % 256) for p in self.law.problems or CASES.values()]
        for problem, seed in self.plan.explicit or riding:
            try:
                self._try(problem, seed)
            except (LawBroken, TimeLimitExceeded) as failure:
                return Failure(problem, seed, failure)
            except NotApplicable:
                continue
        return None

    def _fitting(self, problem: Problem) -> Problem:
        """The problem with as many channels more as the implementation asks for."""
        c_in, c_out = self.conv.channels_of
        return problem.replace(
            c_in=-(-problem.c_in_per_group // c_in) * c_in * problem.groups,
            c_out=-(-problem.c_out_per_group // c_out) * c_out * problem.groups,
        )

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
        """The Hypothesis test of this law. Its name is the key of its failures in the database."""

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

        label = f"{self.law.name} {self.conv.implementation.spec} {self.conv.implementation.device} {self.conv.format}"
        search.__name__ = f"search_{hashlib.sha256(label.encode()).hexdigest()[:16]}"
        wanted = self.conv.channels_of
        # With 8 x 8 channels for each a problem may have 8 times the products: cheap still, and not too small.
        problems = strategies.problems(channels_of=wanted, max_multiplications=4096 // math.isqrt(math.prod(wanted)))
        test = given(problem=problems, seed=strategies.seeds())(search)
        # Every law searches its own problems, and the same ones when it runs again with the plan's seed (in a process
        # with the same modules: now and then Hypothesis draws a constant that it has found in one).
        test = seeded(zlib.crc32(f"{self.plan.seed} {label}".encode()))(test)
        return settings(
            max_examples=self.plan.examples,
            database=self.plan.database,
            # Without `explain`, which would try hundreds of larger examples after the smallest.
            phases=(Phase.reuse, Phase.generate, Phase.shrink),
            deadline=None,
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )(test)

    def _try(self, problem: Problem, seed: int) -> None:
        self.on_example(problem, seed)
        try:
            with schedule.scheduled(schedule.Schedule.from_seed(seed)):
                self.law.body(self.conv, problem, seed)
        except NotApplicable as because:
            self._rejected += 1
            self._why_rejected = str(because) or self._why_rejected
            raise
        self.examples += 1
        self._cells.update(cells(problem))

    def _broken(self, found: Failure) -> Outcome:
        sentences = [str(found.failure)]
        if isinstance(found.failure, TimeLimitExceeded):
            sentences.append("not shrunk, because every try would take as long")
        elif not found.again:
            sentences.append("but not at every try: the same call gives different results at different times")
        else:
            sentences += self._explained(found)
        return broken_outcome(self.law.name, self.conv, found.problem, found.seed, sentences)

    def _explained(self, found: Failure) -> list[str]:
        """Which terms of the index sum are wrong on the failure's operands, if any are."""
        if found.problem.multiplications > MOST_EXPLAINED:
            return []
        call = partial(self.conv.call, any_shape=True)
        try:
            for operator in self.conv.operators:
                o = exact.operands(found.problem, found.seed, self.conv.format, operators=(operator,))
                first, second = (getattr(o, name) for name in OPERANDS[operator])
                result = call(operator, first, second, found.problem)
                told = explain.sentences(call, found.problem, operator, first, second, result, form=self.conv.format)
                if told:
                    return told
        except (Exception, TimeLimitExceeded):
            # What is wrong is known; this would only have said it better, and the implementation may do anything.
            return []
        return []

    def _why_nothing(self) -> str:
        if self.conv.unsupported:
            reason, _ = Counter(self.conv.unsupported).most_common(1)[0]
            return f"supports none of the problems tried: {reason}"
        return self._why_rejected or "says nothing about any of the problems tried"

    def _why_vacuous(self) -> str | None:
        """Why a law that held has shown nothing, or None if it has shown something."""
        tried = self.examples + self._rejected
        if self.examples * NEARLY_NONE < tried:
            why = f": {Counter(self.conv.unsupported).most_common(1)[0][0]}" if self.conv.unsupported else ""
            return f"could be tried on only {self.examples} of {tried} problems{why}"
        return None if self.conv.telling else "every result was zero"


def broken_outcome(law: str, conv: Subject, problem: Problem, seed: int, sentences: list[str]) -> Outcome:
    """The outcome of a law that was broken on a problem with a seed."""
    spec, device = conv.implementation.spec, conv.implementation.device
    command = reproduction(spec, device, conv.format.name, law, problem, seed)
    return Outcome(law, "broken", counterexample=Counterexample(str(problem), seed, command, sentences))


def reproduction(spec: str, device: str, dtype: str, law: str, problem: Problem, seed: int) -> str:
    """The command that tries just this law on just this problem."""
    on = f" --device {device}" if device in ("gpu", "simulator") else ""
    return f"refconv check {problem} --impl {shlex.quote(spec)}{on} --dtype {dtype} --law {law} --seed {seed}"
