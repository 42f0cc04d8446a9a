"""The chooser as an implementation: for each operator and problem the kernel that should be fastest."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from refconv.formats import FLOATS
from refconv.problem import Operator, Problem
from refconv_cuda import choose
from refconv_cuda.device import Array, Device
from refconv_cuda.launchers.instance import Instance
from refconv_cuda.launchers.on_device import OnDevice
from refconv_cuda.launchers.work import Work


class Auto(OnDevice):
    """Hands each call to one of several implementations.

    among: those to choose from; it offers every format that one of them does. using: the names of those that operators
    are handed to whatever the choice.
    """

    def __init__(
        self,
        name: str,
        *,
        among: Sequence[OnDevice],
        using: Mapping[Operator, str] | None = None,
        device_: Device | None = None,
    ) -> None:
        super().__init__(device_)
        self.name = name
        self.dtypes = tuple(dict.fromkeys(name for one in among for name in one.dtypes))
        self._format: str | None = None  # None: what the operands are stored in, so float32 is never taken for tf32
        self._among = {implementation.name: implementation for implementation in among}
        self._using = dict(using or {})
        for operator, wanted in self._using.items():
            if wanted not in self._among:
                raise ValueError(f"using[{operator!r}] = {wanted!r} must be one of {', '.join(self._among)}")

    def instances(self) -> Iterable[Instance]:
        """Those of all that it chooses from."""
        for implementation in self._among.values():
            yield from implementation.instances()

    def unavailable(self, name: str) -> str | None:
        """Why none of those that it chooses from can compute in that format on its device."""
        reasons = [self._here(one).unavailable(name) for one in self._among.values() if name in one.dtypes]
        return None if None in reasons else reasons[0]

    def in_format(self, name: str) -> Self:
        """This implementation as it computes in a format. Raises `ImplementationError` where its device cannot."""
        there = copy.copy(super().in_format(name))
        there._format = name
        return there

    @property
    def variants(self) -> dict[str, OnDevice]:
        """All that it chooses from, by name: in a format, those that take it."""
        return {
            name: self._here(implementation)
            for name, implementation in self._among.items()
            if self._format is None or self._format in implementation.dtypes
        }

    def candidates(self, operator: Operator, problem: Problem, dtype: str) -> list[choose.Candidate]:
        """What it chooses from, the chosen one first, then as `choose.candidates` orders them."""
        found = choose.candidates(self._runnable(dtype), operator, problem, dtype)
        wanted = self._using.get(operator)
        return sorted(found, key=lambda candidate: candidate.implementation.name != wanted) if wanted else found

    def chosen(self, operator: Operator, problem: Problem, dtype: str) -> OnDevice:
        """The implementation for an operator of a problem. Raises ``ValueError`` where none can, saying why not."""
        first = self.candidates(operator, problem, dtype)[0]
        if first.refusal:
            raise ValueError(f"problem {problem}: {first.implementation.name} {first.refusal}")
        return self._here(first.implementation)

    def work(self, operator: Operator, problem: Problem, dtype: str) -> Work:
        """That of the chosen one."""
        return self.chosen(operator, problem, dtype).work(operator, problem, dtype)

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        return self._for("forward", x, problem).forward(x, w, problem)

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""
        return self._for("grad_input", gy, problem).grad_input(gy, w, problem)

    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW, shape ``problem.w_shape``."""
        return self._for("grad_weight", gy, problem).grad_weight(gy, x, problem)

    def _for(self, operator: Operator, first: Array, problem: Problem) -> OnDevice:
        stored = getattr(getattr(first, "dtype", None), "name", "")
        asked = self._format
        return self.chosen(operator, problem, asked if asked and FLOATS[asked].storage == stored else stored)

    def _runnable(self, dtype: str) -> list[OnDevice]:
        """Those that its device, if it is on one, can run in that format."""
        return [
            one
            for one in self._among.values()
            if self._chosen is None or dtype not in one.dtypes or not self._here(one).unavailable(dtype)
        ]

    def _here(self, implementation: OnDevice) -> OnDevice:
        return implementation if self._chosen is None else implementation.at(self._chosen)
