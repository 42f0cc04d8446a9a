"""`refconv sanitize`: a launch from the command line, or from a small Python file, under the checker."""

from __future__ import annotations

import functools
import importlib.util
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from refconv_cuda.simulator.errors import KernelError, SimulatorError
from refconv_cuda.simulator.sanitize import Launch, sanitize, schedules

_ARGUMENT = re.compile(r"(?:(?P<name>\w+):)?(?P<dtype>[a-z]+\d*)(?:\[(?P<shape>\d+(?:x\d+)*)\])?(?:=(?P<value>.+))?")
FILLS: dict[str, Callable[[tuple[int, ...], np.dtype[Any]], npt.NDArray[Any]]] = {
    "zeros": lambda shape, dtype: np.zeros(shape, dtype),
    "ones": lambda shape, dtype: np.ones(shape, dtype),
    "arange": lambda shape, dtype: np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape),
    "random": lambda shape, dtype: np.random.default_rng(0).integers(-8, 9, shape).astype(dtype),
}


class UsageError(SimulatorError):
    """The command line describes no launch; the message names the part that is wrong."""


@dataclass(frozen=True)
class Argument:
    """One argument of a kernel: ``[name:]dtype[shape]=fill`` for an array, ``[name:]dtype=value`` for a scalar.

    Fills are zeros, ones, arange, random (small integers, always the same), empty (never written), or a number.
    """

    text: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...] | None
    value: str

    @classmethod
    def parse(cls, text: str) -> Argument:
        """Raises `UsageError` for text that is not of the form."""
        match = _ARGUMENT.fullmatch(text)
        if match is None:
            raise UsageError(
                f"argument {text!r} must be of the form dtype[shape]=fill or dtype=value, as float32[8x4]=arange"
            )
        try:
            dtype = np.dtype(match["dtype"])
        except TypeError:
            raise UsageError(f"argument {text!r}: {match['dtype']!r} is no dtype") from None
        shape = tuple(int(n) for n in match["shape"].split("x")) if match["shape"] else None
        value = match["value"] or ("zeros" if shape is not None else "0")
        known = (*FILLS, "empty") if shape is not None else ()
        if value not in known:
            try:
                dtype.type(value)
            except (TypeError, ValueError, OverflowError):
                choices = f"a number, {', '.join(known)}" if known else "a number"
                choices = choices.replace("number", f"number of {dtype}", 1)
                raise UsageError(f"argument {text!r}: {value!r} must be {choices}") from None
        return cls(text, dtype, shape, value)

    def make(self, simulator: ModuleType) -> Any:
        """The array or scalar, new for each launch."""
        if self.shape is None:
            return self.dtype.type(self.value)
        if self.value == "empty":
            return simulator.empty(self.shape, self.dtype, alignment=16)
        if self.value in FILLS:
            return FILLS[self.value](self.shape, self.dtype)
        return np.full(self.shape, self.dtype.type(self.value), self.dtype)


def kernel_launch(
    file: Path,
    kernel: str,
    grid: Sequence[int],
    block: Sequence[int],
    arguments: Sequence[Argument],
    *,
    shared_mem: int = 0,
    options: Sequence[str] = (),
) -> Launch:
    """A launch of one kernel of a .cu file; its arrays are the results."""
    from refconv_cuda import simulator

    @functools.cache
    def module() -> simulator.RawModule:
        names = (kernel,) if "<" in kernel else ()
        return simulator.RawModule(path=file, options=options, name_expressions=names)

    def launch(package: ModuleType) -> dict[str, npt.NDArray[Any]]:
        made = [argument.make(package) for argument in arguments]
        module().get_function(kernel)(grid, block, made, shared_mem=shared_mem)
        return {
            argument.text: value for argument, value in zip(arguments, made, strict=True) if argument.shape is not None
        }

    return launch


def file_launch(file: Path, name: str) -> Launch:
    """The function ``name`` of a Python file: it takes the simulator in CuPy's place, and returns arrays."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    sys.path.insert(0, str(file.absolute().parent))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"importing {file} failed: {type(error).__name__}: {error}") from error
    launch = getattr(module, name, None)
    if not callable(launch):
        raise UsageError(f"{file} has no function {name!r}")
    return launch  # type: ignore[no-any-return]


def run(launch: Launch, what: str, *, count: int, seed: int) -> int:
    """Sanitizes, prints the verdict, returns the exit status: 0 clean, 1 a finding, 2 it could not run, 130 Ctrl-C."""
    try:
        sanitize(launch, schedules(count, seed))
    except KernelError as found:
        print(f"{what}: {found.tool}: {found}")
        return 1
    except KeyboardInterrupt:
        print("refconv sanitize: interrupted", file=sys.stderr)
        return 130
    except MemoryError as reason:
        print(f"refconv sanitize: there is no memory for the launch's arrays: {reason}", file=sys.stderr)
        return 2
    except (SimulatorError, ValueError, TypeError, OSError) as reason:
        print(f"refconv sanitize: {reason}", file=sys.stderr)
        return 2
    except Exception as error:  # the launch's own, from a Python file
        print(f"refconv sanitize: {what} raised {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print(f"{what}: nothing found under {count} schedules (seed {seed})")
    return 0
