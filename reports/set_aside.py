"""A registered implementation with some of its known faults set aside, so that one fault does not hide another.

`findings` runs ``refconv check --impl reports/set_aside.py:conv`` with the implementation's name in ``SET_ASIDE_OF``
and the faults' names in ``SET_ASIDE``. The problems on which these faults show count as not supported.
"""

from __future__ import annotations

import os
from typing import Any

from faults import FAULTS

from refconv.implementation import load
from refconv.problem import OPERATORS, Problem


class SetAside:
    """What `load` found, on the problems on which none of the faults shows."""

    def __init__(self) -> None:
        self._found: Any = None
        self.name = os.environ["SET_ASIDE_OF"]
        self._faults = [FAULTS[name] for name in os.environ["SET_ASIDE"].split(",")]

    def on(self, device: str) -> SetAside:
        self._found = load(self.name, device)
        self.dtypes, self.device = self._found.dtypes, self._found.device
        for operator in OPERATORS:
            if operator in self._found.operators:
                setattr(self, operator, getattr(self._found.target, operator))
        return self

    def supports(self, problem: Problem) -> bool | str:
        for fault in self._faults:
            if fault.shows(problem):
                return f"set aside: {fault.title}"
        return self._found.unsupported(problem) or True


conv = SetAside
