"""The implementation under test, called with care.

Every call gets operands of its own, is bounded in time, and has its result checked against the contract: an array of
the right shape and dtype, operands left alone. Whatever goes wrong is a `LawBroken` that says so in a sentence.
"""

from __future__ import annotations

import functools
import itertools
import math
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

import refconv
import refconv_cuda
from refconv import exact
from refconv.formats import Format
from refconv.implementation import Implementation
from refconv.problem import OPERANDS, RESULTS, Operator, Problem
from refconv_cuda import faults
from refconv_cuda.compiling import pausing
from refconv_properties.broken import LawBroken, TimeLimitExceeded, element, number, only_if
from refconv_properties.time_limit import TimeLimit

Array = npt.NDArray[Any]


class Refused(Exception):
    """The implementation raised an error that may stand for a refusal; the message is its own."""


_PROBES = ("b1h1w1i{}o{}k1", "b1h3w3i{}o{}k3p1")

REFUSALS = (TypeError, ValueError, OverflowError, MemoryError, RuntimeError)  # among them NotImplementedError


@dataclass
class Subject:
    """An `Implementation` in one of its formats. Its three operators are called as the contract says.

    time_limit: seconds for one call, without those in which a kernel is compiled. on_call: told of each call (an
    operator, or ``supports``) before it happens, and None after it and while a kernel is compiled, so that a process
    that dies or hangs in it can be explained. on_lost: where somebody watches, told of an error after which the process
    can use the GPU no longer, and could only blame the next call; does not return. unsupported: how many examples
    each reason of the implementation's ``supports`` has cost; telling: how many results held anything but zeros.
    """

    implementation: Implementation
    format: Format
    time_limit: float = 10.0
    on_call: Callable[[str | None], None] = lambda what: None
    on_lost: Callable[[str], NoReturn] | None = None
    unsupported: dict[str, int] = field(default_factory=dict)
    telling: int = 0

    @property
    def dtype(self) -> np.dtype[Any]:
        """What the format's arrays hold."""
        return self.format.dtype

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The operators that are offered."""
        return self.implementation.operators

    def offers(self, operator: Operator) -> bool:
        """Whether ``operator`` is offered."""
        return operator in self.operators

    def one_of(self, seed: int) -> Operator:
        """One of the offered operators, by the seed: for laws that would be slow on all.

        Not by its last digits, which choose the operands' pattern (`refconv.exact.PATTERNS`).
        """
        return self.operators[seed // len(exact.PATTERNS) % len(self.operators)]

    @functools.cached_property
    def channels_of(self) -> tuple[int, int]:
        """What the input and the output channels of a group must be multiples of, by what ``supports`` says.

        The smallest powers of two with which it takes a small problem; (1, 1) where there are none.
        """
        powers = itertools.product((1, 2, 4, 8, 16, 32), repeat=2)
        try:
            for c_in, c_out in sorted(powers, key=math.prod):
                if any(self._supports(Problem.parse(text.format(c_in, c_out))) is None for text in _PROBES):
                    return c_in, c_out
        except (LawBroken, TimeLimitExceeded):
            pass  # the search will meet it too, and say on which problem
        return 1, 1

    def forward(self, x: Array, w: Array, problem: Problem) -> Array:
        """Y, shape ``problem.y_shape``."""
        return self.call("forward", x, w, problem)

    def grad_input(self, gy: Array, w: Array, problem: Problem) -> Array:
        """dX, shape ``problem.x_shape``."""
        return self.call("grad_input", gy, w, problem)

    def grad_weight(self, gy: Array, x: Array, problem: Problem) -> Array:
        """dW, shape ``problem.w_shape``."""
        return self.call("grad_weight", gy, x, problem)

    def call(
        self,
        operator: Operator,
        first: Array,
        second: Array,
        problem: Problem,
        *,
        any_shape: bool = False,
        copy: bool = True,
        may_refuse: bool = False,
    ) -> Array:
        """One call of one operator, on operands in the contract's order.

        any_shape: leave the result's shape for the law to judge. copy: hand over contiguous copies; False hands over
        the very arrays. may_refuse: let one of `REFUSALS` pass as `Refused`. Rejects the example where the
        implementation says that it does not support the problem.
        """
        self._only_if_supported(problem)
        pristine = tuple(np.array(array, order="C") for array in (first, second))
        handed = tuple(array.copy() for array in pristine) if copy else (first, second)
        function = getattr(self.implementation.target, operator)
        result = self._guarded(operator, lambda: function(*handed, problem), problem, may_refuse)
        for name, now, before in zip(OPERANDS[operator], handed, pristine, strict=True):
            _assert_untouched(operator, name, now, before)
        array = self._checked(operator, result, problem, any_shape)
        self.telling += bool(array.any())
        return array

    def _guarded(self, what: str, action: Callable[[], Any], problem: Problem, may_refuse: bool = False) -> Any:
        """Does something of the implementation's, bounded in time; whatever it raises breaks the law."""
        limit = TimeLimit(self.time_limit)

        @contextmanager
        def pause() -> Iterator[None]:
            self.on_call(None)
            with limit.paused():
                yield
            self.on_call(what)

        self.on_call(what)
        try:
            with limit, pausing(pause):
                return action()
        except TimeLimitExceeded:
            raise TimeLimitExceeded(f"{what} did not return within {self.time_limit:g} s on {problem}") from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if self.on_lost is not None and self.implementation.device == "gpu" and faults.lost():
                self.on_lost(f"{what} raised {_described(error)}{_where(error)}, and no GPU is left to this process")
            if may_refuse and isinstance(error, REFUSALS):
                raise Refused(error) from error
            raise LawBroken(f"{what} raised {_described(error)}{_where(error)}") from error
        finally:
            self.on_call(None)

    def _supports(self, problem: Problem) -> str | None:
        reason: str | None = self._guarded("supports", lambda: self.implementation.unsupported(problem), problem)
        return reason

    def _only_if_supported(self, problem: Problem) -> None:
        reason = self._supports(problem)
        if reason is not None:
            self.unsupported[reason] = self.unsupported.get(reason, 0) + 1
        only_if(reason is None)

    def _checked(self, operator: Operator, result: Any, problem: Problem, any_shape: bool) -> Array:
        if not isinstance(result, np.ndarray):
            kind = f"{type(result).__module__}.{type(result).__name__}".removeprefix("builtins.")
            raise LawBroken(f"{operator} returned {kind}, not a NumPy array")
        array: Array = np.asarray(result)  # of a masked array and the like, what it holds
        if array.dtype != self.dtype:
            raise LawBroken(f"{operator} returned dtype {array.dtype} for operands of dtype {self.dtype}")
        shape = problem.result_shape(operator)
        if not any_shape and array.shape != shape:
            raise LawBroken(f"{operator} returned shape {array.shape}, but {RESULTS[operator]} has shape {shape}")
        return array


def _assert_untouched(operator: Operator, name: str, now: Array, before: Array) -> None:
    if now.tobytes() == before.tobytes():
        return
    changed = now != before
    index = tuple(int(i) for i in np.argwhere(changed)[0]) if changed.any() else (0,) * now.ndim
    raise LawBroken(
        f"{operator} wrote to its operand: {element(name, index)} was {number(before[index])}, "
        f"and is {number(now[index])} afterwards"
    )


def _described(error: BaseException) -> str:
    """The exception's type and, if it can say it, its message."""
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be printed)"
    return f"{type(error).__name__}: {message}"


def _where(error: BaseException) -> str:
    """The line of the implementation that raised: the innermost one that is neither a library's nor ours."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    own = [frame for frame in frames if not _is_library(Path(frame.filename))] or frames
    return f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""


def _is_library(file: Path) -> bool:
    ours = (Path(package).parent for package in (refconv.__file__, refconv_cuda.__file__))
    return "site-packages" in file.parts or any(file.is_relative_to(folder) for folder in ours)
