"""The build cache: what is built once is found again, also by processes that build it at the same time.

A file is built beside its final name and renamed into place, which is atomic: two processes that need the same
one both build it, and either result serves. Where the folder cannot be written or is full, a temporary one of this
process takes its place, with a warning.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

from refconv_cuda.compiling import compiling


def folder() -> Path:
    """``REFCONV_CACHE_DIR``, else ``refconv`` in ``XDG_CACHE_HOME`` or ``~/.cache``."""
    chosen, home = os.environ.get("REFCONV_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")
    if chosen:
        return Path(chosen).absolute()
    if home:
        return Path(home).absolute() / "refconv"
    try:
        return Path.home() / ".cache" / "refconv"
    except RuntimeError:  # a user without a home, as in a container
        return _temporary_folder()


Build = Callable[[Path, Path], None]


def found(name: str) -> Path | None:
    """The cached file of that name, if there is one."""
    spare = [_temporary_folder()] if _temporary_folder.cache_info().currsize else []
    return next((place / name for place in (folder(), *spare) if (place / name).exists()), None)


def built(name: str, build: Build) -> Path:
    """The cached file ``name``; where there is none, ``build(workspace, output)`` makes it: see `rebuilt`."""
    return found(name) or rebuilt(name, build)


def rebuilt(name: str, build: Build) -> Path:
    """The cached file ``name``, made anew by ``build(workspace, output)``.

    ``workspace`` is a folder that nobody else uses and that is deleted afterwards; the cache's own folder is its
    parent. What ``build`` raises is passed on, except for a folder that cannot be written.
    """
    place = folder()
    try:
        return _build_in(place, name, build)
    except OSError as error:
        spare = _temporary_folder()
        if (place, spare) not in _warned:
            _warned.add((place, spare))
            warnings.warn(f"the cache folder {place} cannot be used ({error}); building in {spare}", stacklevel=2)
        return _build_in(spare, name, build)


_warned: set[tuple[Path, Path]] = set()  # once is enough: a kernel needs a dozen files


def _build_in(place: Path, name: str, build: Callable[[Path, Path], None]) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="building-", dir=place, ignore_cleanup_errors=True) as workspace:
        output = Path(workspace) / name
        with compiling():
            build(Path(workspace), output)
        os.replace(output, place / name)
    return place / name


@functools.cache
def _temporary_folder() -> Path:
    spare = Path(tempfile.mkdtemp(prefix="refconv-"))
    atexit.register(shutil.rmtree, spare, ignore_errors=True)
    return spare
