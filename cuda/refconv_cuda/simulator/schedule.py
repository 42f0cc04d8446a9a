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

Order = Literal["in order", "reversed", "random"]
Fence = Literal["after", "before"]
ORDERS: tuple[Order, ...] = ("in order", "reversed", "random")

ALL_ONES = 0xFF  # as a float a NaN, as an int -1: garbage that shows


@dataclass(frozen=True)
class Schedule:
    """One set of circumstances; the default is the least surprising one.

    order: of the blocks of a grid, and of the threads of a block from each barrier to the next.
    seed: for the random order.
    fence: where an array lies flush against a no-access page, so that the first byte beyond faults. On the other
    side the canary shows writes only.
    poison: the byte that fills fresh arrays and, at the start of each block, shared memory.
    """

    order: Order = "in order"
    seed: int = 0
    fence: Fence = "after"
    poison: int = ALL_ONES

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ValueError(f"order = {self.order!r} must be one of {', '.join(ORDERS)}")
        if self.fence not in ("after", "before"):
            raise ValueError(f"fence = {self.fence!r} must be after or before")
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed = {self.seed} must be at least 0 and below 2^64")
        if not 0 <= self.poison <= 255:
            raise ValueError(f"poison = {self.poison} must be a byte, 0 to 255")

    @classmethod
    def from_seed(cls, seed: int) -> Schedule:
        """The schedule that goes with an example's seed: 0 in order, 1 reversed, else random; the fence alternates."""
        order = ORDERS[min(seed, 2)]
        return cls(order=order, seed=seed if order == "random" else 0, fence="before" if seed % 4 >= 2 else "after")

    def __str__(self) -> str:
        seed = f" (seed {self.seed})" if self.order == "random" else ""
        return f"threads and blocks {self.order}{seed}, fence {self.fence} each array"


_current: ContextVar[Schedule] = ContextVar("schedule", default=Schedule())  # noqa: B039 (it is frozen)


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
