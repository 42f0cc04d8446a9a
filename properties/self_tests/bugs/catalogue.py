"""What a planted bug is, and the list of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bugs.conv import Conv
from refconv.problem import OPERATORS, Operator

THEMES = ("tail", "stride", "padding", "dilation", "views", "limits", "memory", "batch", "precision", "cuda")
_RIGHT = Conv()


@dataclass(frozen=True)
class Bug:
    """A bug that a project had, planted once more.

    id: of the reference, as project_number. fault: one sentence. kind: the theme, the name of its file. make: an
    implementation of its own for each search. found_by: a law that finds it. dtype: in which it shows.
    """

    id: str
    fault: str
    reference: str
    kind: str
    make: Callable[[], Any]
    found_by: str
    dtype: str = "float32"

    @property
    def spec(self) -> str:
        """What `refconv check --impl` takes, in the folder above this one."""
        return f"{self.make.__module__}:{self.make.__qualname__}"


BUGS: dict[str, Bug] = {}


def bug(
    id: str,
    fault: str,
    reference: str,
    *,
    found_by: str,
    only: Operator | tuple[Operator, ...] = OPERATORS,
    **more: Any,
) -> Callable[[type], type]:
    """Puts a class into the catalogue. only: the operators that have the fault; the others are made right."""
    faulty = (only,) if isinstance(only, str) else only

    def decorate(cls: type) -> type:
        for operator in OPERATORS:
            if operator not in faulty:
                setattr(cls, operator, staticmethod(getattr(_RIGHT, operator)))
        assert id not in BUGS, id
        kind = cls.__module__.rpartition(".")[2]
        BUGS[id] = Bug(id, fault, reference, kind, cls, found_by, **more)
        return cls

    return decorate
