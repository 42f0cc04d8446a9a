"""A search for counterexamples as the self-tests make one: of one law, on a target that has no name."""

from refconv.formats import format_of
from refconv.implementation import Implementation
from refconv.problem import OPERATORS, Problem
from refconv_properties.laws import catalogue
from refconv_properties.search import Plan, Searching
from refconv_properties.subject import Subject

LAWS = catalogue()


def subject(target, dtype="float32", device="host", **options):
    """What offers those of the three operators that the target has."""
    offered = tuple(operator for operator in OPERATORS if hasattr(target, operator))
    return Subject(Implementation("it", "it", device, (dtype,), offered, target), format_of(dtype), **options)


def outcome(law, target, *, seed=0, examples=60, problems=(), **options):
    """What becomes of that law. problems: these with that seed only; options: as for `subject`."""
    return Searching(
        LAWS[law], subject(target, **options), Plan(examples, seed, [(problem, seed) for problem in problems])
    ).run()


def told(found):
    """Why a law is broken, or None."""
    return " ".join(found.counterexample.explanation) if found.counterexample else None


def smallest(found):
    """The problem of a counterexample."""
    return Problem.parse(found.counterexample.problem)
