"""Each operator as a gathered matrix product (``kernels/gather.cuh``): its size, its tiles, its splits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from refconv.problem import Operator, Problem
from refconv_cuda.device import VECTOR_BYTES, Array, address
from refconv_cuda.launchers.work import divide_up, product_shape, share_out

_MOST_TERMS = 2**30  # of a split: kernels count them in ints
_FEWEST_SLICES = 8  # of a split: below that, starting a block costs more than it adds


@dataclass(frozen=True)
class Product:
    """``parts`` products of a rows x terms and a terms x columns matrix.

    A part is a group, and for grad_input one class of input pixels of a group; `rows` are those of the largest, `terms`
    those of all classes together.
    """

    rows: int
    columns: int
    terms: int
    parts: int

    @classmethod
    def of(cls, operator: Operator, problem: Problem) -> Product:
        """The product that ``operator`` is on ``problem``."""
        p, whole = problem, cls.undivided(operator, problem)
        if operator != "grad_input":
            return whole
        classes = min(p.stride.height, p.height) * min(p.stride.width, p.width)
        rows = p.batch * divide_up(p.height, p.stride.height) * divide_up(p.width, p.stride.width)
        return replace(whole, rows=rows, parts=p.groups * classes)

    @classmethod
    def undivided(cls, operator: Operator, problem: Problem) -> Product:
        """The same with one part a group: grad_input without classes, which multiplies by the zeros between strides."""
        return cls(*product_shape(operator, problem), problem.groups)

    def blocks(self, m: int, n: int) -> int:
        """How many tiles of m x n it takes."""
        return divide_up(self.rows, m) * divide_up(self.columns, n) * self.parts

    def split(self, m: int, n: int, k: int, resident: int, wanted: int | None = None) -> tuple[int, int]:
        """Into how many parts the sum is split, and how many terms each adds: whole slices of k, none empty.

        resident: how many blocks the machine holds at a time. wanted: at most so many, unless they had more than 2^30
        terms each; None takes the number with which the last block ends first.
        """
        slices = divide_up(self.terms, k)
        if wanted is None:
            wanted = _soonest(self.blocks(m, n), slices, resident)
        splits, each = share_out(slices, max(wanted, divide_up(self.terms, _MOST_TERMS)))
        return splits, each * k


def _soonest(blocks: int, slices: int, resident: int) -> int:
    """The number of splits with the least waves of blocks times the slices of each.

    To start a block, and to add its share of the partial sums later, is taken to cost as much as `_FEWEST_SLICES`.
    """
    most = max(1, min(2 * resident // max(1, blocks), slices // _FEWEST_SLICES))
    return min(
        range(1, most + 1),
        key=lambda splits: divide_up(blocks * splits, resident) * (divide_up(slices, splits) + _FEWEST_SLICES),
    )


def takes_vectors(problem: Problem, arrays: Iterable[Array], vector: int) -> bool:
    """Whether a kernel can move so many elements together: each group's channels and each address allow for it."""
    channels = (problem.c_in_per_group, problem.c_out_per_group)
    return all(count % vector == 0 for count in channels) and all(
        address(array) % min(VECTOR_BYTES, vector * array.dtype.itemsize) == 0 for array in arrays
    )
