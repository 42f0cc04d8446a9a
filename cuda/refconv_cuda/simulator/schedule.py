"""Under which circumstances a launch runs: all that a GPU leaves open, and a right kernel does not notice.

The order in which blocks and threads take their turns, on which side of an array the no-access page lies, and
what uninitialised memory holds. A `Schedule` is in force for the launches inside ``with scheduled(...)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

Order = Literal["in order", "reversed", "warps", "random", "preemptive"]
Fence = Literal["after", "before"]
ORDERS: tuple[Order, ...] = ("in order", "reversed", "warps", "random", "preemptive")
SEEDED: tuple[Order, ...] = ("warps", "random", "preemptive")

# In every float format a NaN, as an int a number that nobody expects: garbage that shows.
POISON = 0xFFF1FFF1


@dataclass(frozen=True)
class Schedule:
    """One set of circumstances; the default is the least surprising one.

    order: of the blocks of a grid, and of the threads of a block from each barrier to the next. "warps" permutes warps
    and keeps their lanes in order; "random" permutes lanes; "preemptive" also switches between any two memory
    accesses, which only checked modules can (others take it as "random").
    seed: for the orders that are drawn.
    fence: where an array lies flush against a no-access page, so that the first byte beyond faults. On the other
    side the canary shows writes only.
    poison: the four bytes that fill fresh arrays and, at the start of each block, shared memory.
    """

    order: Order = "in order"
    seed: int = 0
    fence: Fence = "after"
    poison: int = POISON

    def __post_init__(self) -> None:
        for name in ("seed", "poison"):
            if not isinstance(getattr(self, name), int):
                raise TypeError(f"{name} = {getattr(self, name)!r} must be a whole number")
        if self.order not in ORDERS:
            raise ValueError(f"order = {self.order!r} must be one of {', '.join(ORDERS)}")
        if self.fence not in ("after", "before"):
            raise ValueError(f"fence = {self.fence!r} must be after or before")
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed = {self.seed} must be at least 0 and below 2^64")
        if not 0 <= self.poison < 2**32:
            raise ValueError(f"poison = {self.poison} must be four bytes, at least 0 and below 2^32")

    @classmethod
    def from_seed(cls, seed: int) -> Schedule:
        """The schedule that goes with an example's seed: the first few are the tidy ones, the others drawn."""
        orders: tuple[Order, ...] = ("in order", "reversed", "warps")
        order = orders[seed] if seed < len(orders) else ("preemptive" if seed % 2 else "random")
        return cls(order=order, seed=seed if order in SEEDED else 0, fence="before" if seed % 4 >= 2 else "after")

    def __str__(self) -> str:
        seed = f" (seed {self.seed})" if self.order in SEEDED else ""
        return f"threads and blocks {self.order}{seed}, fence {self.fence} each array"


_current: ContextVar[Schedule] = ContextVar("schedule", default=Schedule())  # noqa: B039 (it is frozen)


_checked: ContextVar[bool] = ContextVar("checked", default=False)


def checking() -> bool:
    """Whether modules that do not say so themselves are to be checked."""
    return _checked.get()


@contextmanager
def checked() -> Iterator[None]:
    """Turns the checker on for the launches inside, of modules that were made with ``check=None``."""
    token = _checked.set(True)
    try:
        yield
    finally:
        _checked.reset(token)


def current() -> Schedule:
    """The schedule in force."""
    return _current.get()


@contextmanager
def scheduled(schedule: Schedule) -> Iterator[None]:
    """Puts a schedule in force for the launches and allocations inside."""
    token = _current.set(schedule)
    try:
        yield
    finally:
        _current.reset(token)
