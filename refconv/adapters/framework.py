"""What the adapters share: a framework that may be missing, is described without being imported, and is loaded late."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from refconv.implementation import ImplementationError


@dataclass(frozen=True)
class Framework:
    """A Python package that others install.

    name: as people say it. modules: what is imported, the first of them is what `imported` returns. extra: of refconv,
    that installs it. distribution: what its version is asked of, where that is not the first module's name.
    """

    name: str
    modules: tuple[str, ...]
    extra: str
    distribution: str = ""

    def version(self) -> str:
        """Its version, from its metadata alone. Raises `ImplementationError` where it is not installed."""
        for module in self.modules:
            if importlib.util.find_spec(module.partition(".")[0]) is None:
                raise ImplementationError(
                    f"{self.name} is not installed (no module {module}): pip install 'refconv[{self.extra}]'"
                )
        try:
            return importlib.metadata.version(self.distribution or self.modules[0])
        except importlib.metadata.PackageNotFoundError:
            return "unknown"  # a build from source, without metadata

    def imported(self) -> Any:
        """The first of its modules, all of them imported. Raises `ImplementationError` where that fails."""
        version = self.version()
        try:
            first, *_ = [importlib.import_module(module) for module in self.modules]
        except Exception as error:  # ImportError, or whatever a broken installation raises
            raise ImplementationError(
                f"{self.name} {version} is installed, but importing it failed: {type(error).__name__}: {error}"
            ) from error
        return first


class Adapter:
    """An implementation that is a framework's. Making one raises `ImplementationError` where the framework is missing.

    dtypes: where the framework promises to add in the operands' own format. The narrow formats are left out: what
    they are accumulated in depends on the machine, and no documentation says. On a GPU it is float32.
    """

    framework: ClassVar[Framework]
    dtypes: tuple[str, ...] = ("float32", "float64")
    device = "host"

    def __init__(self) -> None:
        self.version = self.framework.version()

    def on(self, device: str) -> Self:
        """This adapter, its framework imported; on the CPU, whatever the device, unless the adapter says more."""
        _ = self.library
        return self

    @functools.cached_property
    def library(self) -> Any:
        """The framework's module."""
        return self.framework.imported()
