"""The contract with an implementation under test, and finding one by name.

An implementation is any object with some of

    forward(x, w, problem) -> y      grad_input(gy, w, problem) -> gx      grad_weight(gy, x, problem) -> gw

NumPy arrays in and out, the result in the operands' dtype, the operands left alone. It may also have ``name``;
``dtypes``, the names of the formats it takes (`refconv.formats`; float32 and float64 if it does not say);
``supports(problem)``, True or a sentence that says why not; ``version``; ``on(device)``, which returns it ready to run
there: what takes its time or can fail, such as importing a framework, belongs in there, not into the first call of an
operator; and ``in_format(name)``, which returns it as it computes in one of its ``dtypes``, for one that takes both
float32 and tf32, whose operands look alike.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from refconv.formats import Format, format_of
from refconv.problem import OPERATORS, Operator, Problem

ENTRY_POINTS = "refconv.implementations"
DEFAULT_DTYPES = ("float32", "float64")


class ImplementationError(Exception):
    """There is no such implementation, or it cannot be used; the message says what was looked for and what is wrong."""


@dataclass(frozen=True)
class Implementation:
    """An implementation that was found.

    spec: what it was asked for by. device: where it runs, ``host`` if it does not say. dtypes: the names of the formats
    that it takes. version: its own, or that of the distribution that registered it; empty if neither says.
    """

    spec: str
    name: str
    device: str
    dtypes: tuple[str, ...]
    operators: tuple[Operator, ...]
    target: Any
    version: str = ""

    @property
    def usual(self) -> tuple[str, ...]:
        """Of its dtypes those that are tested where none is asked for: float32 and float64, or else all."""
        return tuple(name for name in self.dtypes if name in DEFAULT_DTYPES) or self.dtypes

    def chosen(self, dtype: str | None) -> tuple[Implementation, Format]:
        """The implementation as it computes in the format of that name, and the format; None takes its first.

        Raises `ImplementationError` for a format that it does not take, or whose arrays cannot be had here.
        """
        name = dtype or self.dtypes[0]
        if name not in self.dtypes:
            raise ImplementationError(f"{self.spec} is for dtypes {', '.join(self.dtypes)}, not for {name}")
        form = format_of(name)
        try:
            _ = form.dtype
        except ValueError as error:
            raise ImplementationError(f"{self.spec}: {error}") from None
        if not hasattr(self.target, "in_format"):
            return self, form
        target = _attempt(f"{self.spec} in {name}", lambda: self.target.in_format(name))
        return replace(self, target=target), form

    def unsupported(self, problem: Problem) -> str | None:
        """Why the implementation does not take ``problem``, or None if it does."""
        supports = getattr(self.target, "supports", None)
        if supports is None:
            return None
        answer = supports(problem)
        if isinstance(answer, (bool, np.bool_)) and answer:
            return None
        return answer if isinstance(answer, str) else f"supports({problem}) is {answer!r}"


def load(spec: str, device: str | None = "auto") -> Implementation:
    """The implementation that ``spec`` names: a registered name, ``package.module:object``, or ``file.py:object``.

    device: passed to the object's ``on``, if it has one; None only describes it. Raises `ImplementationError`.
    """
    target = _target(spec)
    if isinstance(target, type):
        target = _attempt(f"{spec} is a class, and calling it", target)
    if device is not None and hasattr(target, "on"):
        target = _attempt(f"{spec} on device {device}", lambda: target.on(device))
    found: Implementation = _attempt(f"asking {spec} what it offers", lambda: _described(spec, target))
    return found


def _described(spec: str, target: Any) -> Implementation:
    offered = tuple(operator for operator in OPERATORS if callable(getattr(target, operator, None)))
    if not offered:
        raise ImplementationError(f"{spec} offers none of {', '.join(OPERATORS)}, so there is nothing to test")
    where = getattr(target, "device", "host")
    dtypes = getattr(target, "dtypes", DEFAULT_DTYPES)
    if not isinstance(dtypes, (tuple, list)) or not dtypes or not all(isinstance(name, str) for name in dtypes):
        raise ImplementationError(f"{spec}: dtypes = {dtypes!r} must be a sequence of dtype names")
    for name in dtypes:
        try:
            format_of(name)
        except ValueError as error:
            raise ImplementationError(f"{spec}: dtypes = {dtypes!r}: {error}") from None
    return Implementation(
        spec=spec,
        name=str(getattr(target, "name", None) or _short(spec)),
        device=where if isinstance(where, str) else str(getattr(where, "name", "host")),
        dtypes=tuple(dtypes),
        operators=offered,
        target=target,
        version=str(getattr(target, "version", None) or _registered_version(spec)),
    )


def registered() -> dict[str, importlib.metadata.EntryPoint]:
    """What is registered under the entry-point group ``refconv.implementations``, by name."""
    points = importlib.metadata.entry_points(group=ENTRY_POINTS)
    return {point.name: point for point in sorted(points, key=lambda point: point.name)}


def _registered_version(spec: str) -> str:
    point = registered().get(spec)
    return point.dist.version if point is not None and point.dist is not None else ""


def _target(spec: str) -> Any:
    place, colon, attribute = spec.partition(":")
    if not colon:
        points = registered()
        if spec not in points:
            raise ImplementationError(
                f"{spec!r} is not a registered implementation ({', '.join(points) or 'there is none'}); "
                f"other forms are package.module:object and path/to/file.py:object"
            )
        return _attempt(f"importing {spec} ({points[spec].value})", points[spec].load)
    if not attribute:
        raise ImplementationError(f"{spec!r} must name an object after the colon")
    target: Any = _import_file(Path(place)) if place.endswith(".py") else _import_module(place)
    for part in attribute.split("."):
        if not hasattr(target, part):
            raise ImplementationError(f"{place} has no {attribute!r}")
        target = getattr(target, part)
    return target


def _import_module(name: str) -> ModuleType:
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # as `python -m` does
    module: ModuleType = _attempt(f"importing {name}", lambda: importlib.import_module(name))
    return module


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ImplementationError(f"there is no file {path}")
    folder = str(path.absolute().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # so that the file finds its neighbours, as a script would
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    loader = spec.loader
    _attempt(f"importing {path}", lambda: loader.exec_module(module))
    return module


def _attempt(what: str, action: Any) -> Any:
    """Does it, or raises `ImplementationError` saying what failed, why, and in which line of the user's."""
    try:
        return action()
    except ImplementationError:
        raise
    except (Exception, SystemExit) as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
        where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if len(frames) > 1 else ""
        raise ImplementationError(f"{what} failed: {type(error).__name__}: {error}{where}") from error


def _short(spec: str) -> str:
    """``my_kernels.py:conv`` for ``some/where/my_kernels.py:conv``."""
    place, colon, attribute = spec.partition(":")
    return f"{Path(place).name}{colon}{attribute}"
