"""Problem: what a 2-D convolution is.

One frozen value holds the whole geometry and is passed everywhere, so that no function takes
fifteen positional ints in an order of its own. It derives every shape, refuses what is impossible,
and has a short text form that goes on a command line:

    b2h5w7i3o4k3s2p1     batch 2, 5x7 input, 3 -> 4 channels, 3x3 kernel, stride 2, padding 1

Layouts: X is NHWC ``[batch, height, width, c_in]``, W is HWIO ``[a_h, a_w, c_in / groups, c_out]``,
Y and its gradient G are ``[batch, out_height, out_width, c_out]``. Dilation 1 is a dense kernel.
"""

from __future__ import annotations

import operator as _operator
import re
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

Operator = Literal["forward", "grad_input", "grad_weight"]
OPERATORS: tuple[Operator, ...] = ("forward", "grad_input", "grad_weight")
# What each operator takes, by its arguments' names in the contract's order, and what it gives; the formulas' letters.
OPERANDS: dict[Operator, tuple[str, str]] = {
    "forward": ("x", "w"),
    "grad_input": ("gy", "w"),
    "grad_weight": ("gy", "x"),
}
RESULTS: dict[Operator, str] = {"forward": "Y", "grad_input": "dX", "grad_weight": "dW"}
LETTERS = {"x": "X", "w": "W", "gy": "G"}


class Pair(NamedTuple):
    """One value per axis: height, then width."""

    height: int
    width: int


class Padding(NamedTuple):
    """Rows and columns of zeros on the four sides of every image."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The geometry of a 2-D cross-correlation and of its two gradients.

    ``kernel``, ``stride`` and ``dilation`` take an int or a (height, width) pair; ``padding`` takes an
    int, a (vertical, horizontal) pair or (top, bottom, left, right). They are stored as `Pair` and
    `Padding`. Only ``batch`` may be 0. Raises ``TypeError`` for what is not a whole number and
    ``ValueError`` for an impossible problem; both name the field, its value and the rule.
    """

    batch: int
    height: int
    width: int
    c_in: int
    c_out: int
    kernel: Pair
    stride: Pair = Pair(1, 1)
    padding: Padding = Padding(0, 0, 0, 0)
    dilation: Pair = Pair(1, 1)
    groups: int = 1

    def __init__(
        self,
        *,
        batch: int,
        height: int,
        width: int,
        c_in: int,
        c_out: int,
        kernel: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | tuple[int, int, int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
    ) -> None:
        normal = {
            "batch": _whole("batch", batch, least=0),
            "height": _whole("height", height),
            "width": _whole("width", width),
            "c_in": _whole("c_in", c_in),
            "c_out": _whole("c_out", c_out),
            "kernel": _pair("kernel", kernel),
            "stride": _pair("stride", stride),
            "padding": _sides("padding", padding),
            "dilation": _pair("dilation", dilation),
            "groups": _whole("groups", groups),
        }
        for name, value in normal.items():
            object.__setattr__(self, name, value)  # the dataclass is frozen
        self._refuse_the_impossible()

    def _refuse_the_impossible(self) -> None:
        for name, channels in (("c_in", self.c_in), ("c_out", self.c_out)):
            if channels % self.groups:
                raise ValueError(f"groups = {self.groups} must divide {name} = {channels}")
        for axis, size, padded, extent in zip(
            ("height", "width"),
            (self.height, self.width),
            self.padded,
            self.kernel_extent,
            strict=True,
        ):
            if extent > padded:
                tap = getattr(self.kernel, axis)
                dilation = getattr(self.dilation, axis)
                spread = f", spread over {extent} by dilation {dilation}," if dilation > 1 else ""
                raise ValueError(
                    f"kernel {axis} = {tap}{spread} must fit into the padded input {axis}, "
                    f"{padded} ({size} plus {padded - size} of padding)"
                )

    # -- derived geometry ---------------------------------------------------------------------

    @cached_property
    def padded(self) -> Pair:
        """Height and width of the zero-padded input."""
        top, bottom, left, right = self.padding
        return Pair(self.height + top + bottom, self.width + left + right)

    @cached_property
    def kernel_extent(self) -> Pair:
        """Rows and columns from the first to the last tap: d (a - 1) + 1 on each axis."""
        return Pair(
            self.dilation.height * (self.kernel.height - 1) + 1,
            self.dilation.width * (self.kernel.width - 1) + 1,
        )

    @cached_property
    def out_height(self) -> int:
        """floor((h + top + bottom - d_h (a_h - 1) - 1) / s_h) + 1."""
        return (self.padded.height - self.kernel_extent.height) // self.stride.height + 1

    @cached_property
    def out_width(self) -> int:
        """floor((w + left + right - d_w (a_w - 1) - 1) / s_w) + 1."""
        return (self.padded.width - self.kernel_extent.width) // self.stride.width + 1

    @cached_property
    def remainder(self) -> Pair:
        """Padded rows and columns behind the last window: (h + pads - d (a - 1) - 1) mod s."""
        return Pair(
            (self.padded.height - self.kernel_extent.height) % self.stride.height,
            (self.padded.width - self.kernel_extent.width) % self.stride.width,
        )

    @cached_property
    def c_in_per_group(self) -> int:
        """Input channels that one output channel reads."""
        return self.c_in // self.groups

    @cached_property
    def c_out_per_group(self) -> int:
        """Output channels that read one input channel."""
        return self.c_out // self.groups

    @cached_property
    def x_shape(self) -> tuple[int, int, int, int]:
        """Shape of X and of its gradient: NHWC."""
        return (self.batch, self.height, self.width, self.c_in)

    @cached_property
    def w_shape(self) -> tuple[int, int, int, int]:
        """Shape of W and of its gradient: HWIO, with the input channels of one group."""
        return (*self.kernel, self.c_in_per_group, self.c_out)

    @cached_property
    def y_shape(self) -> tuple[int, int, int, int]:
        """Shape of Y and of its gradient G: NHWC."""
        return (self.batch, self.out_height, self.out_width, self.c_out)

    def result_shape(self, operator: Operator) -> tuple[int, int, int, int]:
        """Shape of what ``operator`` returns."""
        shapes = {
            "forward": self.y_shape,
            "grad_input": self.x_shape,
            "grad_weight": self.w_shape,
        }
        return shapes[operator]

    def terms(self, operator: Operator) -> int:
        """The most products that are summed into one element of the operator's result.

        a_h a_w c_in/g forward, a_h a_w c_out/g for grad_input, b out_h out_w for grad_weight; terms
        that fall into the padding are counted, so this bounds every element.
        """
        taps = self.kernel.height * self.kernel.width
        counts = {
            "forward": taps * self.c_in_per_group,
            "grad_input": taps * self.c_out_per_group,
            "grad_weight": self.batch * self.out_height * self.out_width,
        }
        return counts[operator]

    @cached_property
    def multiplications(self) -> int:
        """Products in the whole index sum; the same for all three operators."""
        taps = self.kernel.height * self.kernel.width
        return self.batch * self.out_height * self.out_width * self.c_out * taps * self.c_in_per_group

    def replace(self, **changes: object) -> Problem:
        """A copy with some fields changed; the copy is checked anew."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Problem(**{**values, **changes})

    # -- text form ----------------------------------------------------------------------------

    def __str__(self) -> str:
        text = f"b{self.batch}h{self.height}w{self.width}i{self.c_in}o{self.c_out}"
        text += f"k{_pair_text(self.kernel)}"
        if self.stride != (1, 1):
            text += f"s{_pair_text(self.stride)}"
        if self.padding != (0, 0, 0, 0):
            text += f"p{_padding_text(self.padding)}"
        if self.dilation != (1, 1):
            text += f"d{_pair_text(self.dilation)}"
        if self.groups != 1:
            text += f"g{self.groups}"
        return text

    def __repr__(self) -> str:
        return f"Problem.parse({str(self)!r})"

    @classmethod
    def parse(cls, text: str) -> Problem:
        """The problem that ``text`` describes; ``Problem.parse(str(p)) == p``.

        Raises ``ValueError`` for text that is not of the form, and for an impossible problem.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(
                f"problem {text!r} is not of the form b1h5w7i3o4k3[s2][p1][d1][g1]: batch, height, width, "
                f"input and output channels, kernel, then what differs from its default of stride, "
                f"padding, dilation and groups, in this order; k, s, d as N or HxW; "
                f"p as N, VxH or top.bottom.left.right"
            )
        numbers = {
            name: tuple(int(part) for part in re.split(r"[x.]", value))
            for name, value in match.groupdict().items()
            if value is not None
        }
        return cls(**{name: value[0] if len(value) == 1 else value for name, value in numbers.items()})  # type: ignore[arg-type]


_NUMBER = "[0-9]{1,4000}"  # Python refuses to read longer ones
_FORM = re.compile(
    rf"b(?P<batch>{_NUMBER})h(?P<height>{_NUMBER})w(?P<width>{_NUMBER})"
    rf"i(?P<c_in>{_NUMBER})o(?P<c_out>{_NUMBER})k(?P<kernel>{_NUMBER}(?:x{_NUMBER})?)"
    rf"(?:s(?P<stride>{_NUMBER}(?:x{_NUMBER})?))?"
    rf"(?:p(?P<padding>{_NUMBER}(?:x{_NUMBER}|(?:\.{_NUMBER}){{3}})?))?"
    rf"(?:d(?P<dilation>{_NUMBER}(?:x{_NUMBER})?))?"
    rf"(?:g(?P<groups>{_NUMBER}))?"
)


def _whole(name: str, value: object, *, least: int = 1) -> int:
    if isinstance(value, bool | np.bool_):  # which NumPy 2.0 takes for an index
        raise TypeError(f"{name} = {value!r} must be a whole number, not a bool")
    try:
        number = _operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} = {value!r} must be a whole number") from None
    if number < least:
        raise ValueError(f"{name} = {number} must be at least {least}")
    return number


def _numbers(name: str, value: object, *, parts: tuple[str, ...], least: int) -> tuple[int, ...]:
    """``value`` as one whole number per part, an int standing for all of them."""
    if not isinstance(value, (tuple, list)):
        return (_whole(name, value, least=least),) * len(parts)
    values = tuple(value)
    if len(values) != len(parts):
        raise ValueError(f"{name} = {value!r} must be a whole number or ({', '.join(parts)})")
    return tuple(_whole(f"{name} {part}", number, least=least) for part, number in zip(parts, values, strict=True))


def _pair(name: str, value: object) -> Pair:
    return Pair(*_numbers(name, value, parts=("height", "width"), least=1))


def _sides(name: str, value: object) -> Padding:
    if isinstance(value, (tuple, list)) and len(value) == 2:
        vertical, horizontal = _numbers(name, value, parts=("vertical", "horizontal"), least=0)
        return Padding(vertical, vertical, horizontal, horizontal)
    return Padding(*_numbers(name, value, parts=("top", "bottom", "left", "right"), least=0))


def _pair_text(pair: Pair) -> str:
    return str(pair.height) if pair.height == pair.width else f"{pair.height}x{pair.width}"


def _padding_text(padding: Padding) -> str:
    top, bottom, left, right = padding
    if top == bottom == left == right:
        return str(top)
    if top == bottom and left == right:
        return f"{top}x{left}"
    return f"{top}.{bottom}.{left}.{right}"
