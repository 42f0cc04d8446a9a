"""What a law is, and the list of all that are loaded.

A law is a function of (conv, problem, seed): it calls the `Subject` ``conv`` on operands made from the seed, and
raises `LawBroken`. `law` makes a pytest test of it, which the plugin runs on each implementation in each dtype.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from refconv.problem import Operator, Problem

if TYPE_CHECKING:
    from refconv_properties.subject import Subject

Body = Callable[["Subject", Problem, int], None]


@dataclass(frozen=True)
class Law:
    """A law: its formula, the bugs that it kills, and what it needs of an implementation.

    trust: why a correct implementation cannot break it. seen: bugs of that kind in public trackers, as
    ``owner/repository#number``. needs: all of these operators; any_of: at least one of these. reference: whether it
    compares with refconv's own formulas; a law that does not also tests those. condition: why it does not apply to an
    implementation, or None. problems: the only ones that it is tried on, if it is about those.
    """

    name: str
    formula: str
    kills: str
    trust: str
    seen: tuple[str, ...]
    body: Body
    needs: tuple[Operator, ...] = ()
    any_of: tuple[Operator, ...] = ()
    reference: bool = False
    condition: Callable[[Subject], str | None] = lambda conv: None
    problems: tuple[Problem, ...] = ()

    def inapplicable(self, conv: Subject) -> str | None:
        """Why the law says nothing about ``conv``, or None if it does."""
        missing = [operator for operator in self.needs if not conv.offers(operator)]
        if missing:
            return f"{' and '.join(missing)} not offered"
        if self.any_of and not any(conv.offers(operator) for operator in self.any_of):
            return f"neither of {', '.join(self.any_of)} offered"
        return self.condition(conv)


LAWS: dict[str, Law] = {}


def catalogue() -> dict[str, Law]:
    """All laws of the suite, by name: those of the ``test_*`` modules beside this one."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("test_"):
            importlib.import_module(f"{__package__}.{module.name}")
    return LAWS


def law(
    name: str,
    formula: str,
    *,
    kills: str,
    trust: str,
    seen: tuple[str, ...],
    needs: tuple[Operator, ...] = (),
    any_of: tuple[Operator, ...] = (),
    reference: bool = False,
    condition: Callable[[Subject], str | None] = lambda conv: None,
    problems: tuple[Problem, ...] = (),
) -> Callable[[Body], Callable[..., None]]:
    """Makes a pytest test of a law's body; the arguments are those of `Law`."""

    def decorate(body: Body) -> Callable[..., None]:
        made = Law(name, formula, kills, trust, seen, body, needs, any_of, reference, condition, problems)
        LAWS[name] = made

        def test(refconv_subject: Subject, refconv_search: Callable[[Law, Subject], None]) -> None:
            refconv_search(made, refconv_subject)

        test.__name__ = body.__name__
        test.__qualname__ = body.__qualname__
        test.__module__ = body.__module__
        test.__doc__ = f"{formula}\n\n{body.__doc__ or ''}"
        test.law = made  # type: ignore[attr-defined]
        return test

    return decorate
