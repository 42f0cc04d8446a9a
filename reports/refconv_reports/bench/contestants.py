"""Who is measured: a registered implementation, anyone's, or a peer through PyTorch, all behind one face."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from refconv.certificate import Pair
from refconv.implementation import Implementation, ImplementationError, load, registered
from refconv.problem import Operator, Problem
from refconv_cuda.gpu import Gpu
from refconv_cuda.launchers.auto import Auto
from refconv_cuda.launchers.on_device import OnDevice
from refconv_reports.bench import timing
from refconv_reports.bench.buffers import Home
from refconv_reports.bench.host import Host, one_thread
from refconv_reports.bench.peers import PEERS

Role = Literal["ours", "peer", "oracle"]
DeviceName = Literal["gpu", "cpu", "simulator"]
OURS = "refconv_cuda."
THEIRS = "refconv.adapters."


class WorkingHome(Home, Protocol):
    """A library's memory, and its clock."""

    def operand(self, array: Any, name: str, dtype: str) -> Any:
        """An exact operand (x, w, gy) as a call takes it."""

    def result(self, array: Any, operator: Operator) -> Any:
        """A call's result in refconv's layout, NumPy's or CuPy's."""

    def time(self, call: timing.Call, seconds: float) -> timing.Timing:
        """Durations of a call."""

    def settle(self) -> None:
        """Waits, and gives unused memory back."""


class Contestant(Protocol):
    """What is measured."""

    name: str
    dtypes: tuple[str, ...]
    operators: tuple[Operator, ...]

    @property
    def home(self) -> WorkingHome:
        """Where its arrays are."""

    def unsupported(self, problem: Problem) -> str | None:
        """Why the problem is not for it, or None."""

    def call(self, operator: Operator, first: Any, second: Any, problem: Problem) -> Any:
        """One call, on arrays of its home."""

    def launches(self, operator: Operator, problem: Problem, dtype: str) -> tuple[str | None, str | None]:
        """Kernel and tile, where it says what it launches."""

    def precisely(self, dtype: str) -> AbstractContextManager[dict[str, Any] | None]:
        """Computes in this precision inside; yields the settings that matter, if there are any."""


class Named:
    """An implementation that `refconv.implementation.load` found."""

    def __init__(self, implementation: Implementation, home: WorkingHome) -> None:
        self.implementation, self.home = implementation, home
        self.name = implementation.name
        self.dtypes, self.operators = implementation.dtypes, implementation.operators
        self._target = implementation.target

    def unsupported(self, problem: Problem) -> str | None:
        """What its ``supports`` says."""
        return self.implementation.unsupported(problem)

    def call(self, operator: Operator, first: Any, second: Any, problem: Problem) -> Any:
        """The operator of that name."""
        return getattr(self._target, operator)(first, second, problem)

    def launches(self, operator: Operator, problem: Problem, dtype: str) -> tuple[str | None, str | None]:
        """What the chooser has chosen, or the files of the kernels: those for the operator, if their names say so."""
        target = self.implementation.chosen(dtype)[0].target
        if not isinstance(target, OnDevice):
            return None, None
        kernel = None
        if isinstance(target, Auto):
            target = target.chosen(operator, problem, dtype)
            kernel = target.name
        files = {instance.file for instance in target.instances()}
        files = {file for file in files if operator in file} or files
        return kernel or ", ".join(sorted(files)), target.work(operator, problem, dtype).note or None

    @contextlib.contextmanager
    def precisely(self, dtype: str) -> Iterator[dict[str, Any] | None]:
        """The implementation as it computes in that precision; on a CPU, one thread for all."""
        self._target = self.implementation.chosen(dtype)[0].target
        with one_thread() if isinstance(self.home, Host) else contextlib.nullcontext() as settings:
            yield settings


@dataclass
class Field:
    """Those who run on one device; each is made when it is first asked for, and kept.

    Raises `refconv.implementation.ImplementationError` where one is unknown, or cannot be had here.
    """

    device: DeviceName

    def __post_init__(self) -> None:
        self._made: dict[str, Contestant] = {}
        self._homes: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Contestant:
        if name not in self._made:
            self._made[name] = self._peer(name) if self.device == "gpu" and name in PEERS else self._named(name)
        return self._made[name]

    @property
    def memory(self) -> int:
        """Bytes that are free where the arrays are."""
        free: int = self._own_home().memory
        return free

    def exact(self, operator: Operator, problem: Problem, seed: int, dtype: str) -> Pair:
        """Operands for a certificate, where this device has its memory. Raises ``ValueError``."""
        found: Pair = self._own_home().exact(operator, problem, seed, dtype)
        return found

    def settle(self) -> None:
        """Waits for all, and gives unused memory back."""
        for home in self._homes.values():
            home.settle()

    def _peer(self, name: str) -> Contestant:
        try:
            import torch
        except ImportError:
            raise ImplementationError(f"{name} needs PyTorch: pip install 'refconv[torch]'") from None
        if not torch.cuda.is_available():
            raise ImplementationError(f"{name}: PyTorch {torch.__version__} finds no CUDA GPU")
        if "torch" not in self._homes:
            from refconv_reports.bench.torch_arrays import OnTorch

            self._homes["torch"] = OnTorch(torch, "cuda")
        return PEERS[name](self._homes["torch"])

    def _named(self, name: str) -> Contestant:
        implementation = load(name, {"cpu": "simulator"}.get(self.device, self.device))
        if self.device == "gpu":
            if not isinstance(implementation.target, OnDevice):
                raise ImplementationError(
                    f"{name} takes NumPy arrays, so on a GPU its copies would be timed: only refconv's own kernels and "
                    f"{', '.join(PEERS)} can be"
                )
            # Filling fresh memory with poison would be a launch of its own.
            unpoisoned = implementation.target.at(Gpu(poison=False))
            implementation = dataclasses.replace(implementation, target=unpoisoned)
        elif implementation.device == "gpu":
            raise ImplementationError(f"{name} runs on a GPU only")
        return Named(implementation, self._own_home())

    def _own_home(self) -> Any:
        if "own" not in self._homes:
            if self.device == "gpu":
                from refconv_reports.bench.cupy_arrays import OnCupy

                self._homes["own"] = OnCupy()
            else:
                self._homes["own"] = Host()
        return self._homes["own"]


def role_of(name: str) -> Role:
    """``ours`` for refconv's kernels and anyone's own, ``oracle`` for refconv's formulas, ``peer`` for adapters."""
    point = registered().get(name)
    if name in PEERS or (point is not None and point.value.startswith(THEIRS)):
        return "peer"
    return "ours" if point is None or point.value.startswith(OURS) else "oracle"
