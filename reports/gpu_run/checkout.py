"""A checkout that nothing is installed from, made as good as installed.

What is registered (implementations, the pytest plugin) is found through the entry points of a distribution. A folder on
the import path that holds the metadata of one is a distribution to Python, so such a folder is written from
`pyproject.toml`, as an installer would.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOURCES = (".", "cuda", "properties", "reports", "properties/self_tests")


def environment(folder: Path) -> dict[str, str]:
    """The variables under which Python processes find all of this checkout; its metadata is written to ``folder``.

    CuPy keeps what it has compiled there, too, unless it is told otherwise: a home may be missing, or not be writable.
    """
    _write_metadata(folder)
    path = [str(folder), *(str((ROOT / source).resolve()) for source in SOURCES)]
    if os.environ.get("PYTHONPATH"):
        path.append(os.environ["PYTHONPATH"])
    cache = os.environ.get("CUPY_CACHE_DIR") or str(folder / "cupy")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
        "CUPY_CACHE_DIR": cache,
    }


def version() -> str:
    """Of this checkout's refconv."""
    found = re.search(r'__version__ = "([^"]+)"', (ROOT / "refconv/__init__.py").read_text(encoding="utf-8"))
    assert found
    return found[1]


def kernels() -> list[str]:
    """The names under which implementations of ours, that run on a GPU, are registered."""
    points = _project()["entry-points"]["refconv.implementations"]
    return [name for name, target in points.items() if target.startswith("refconv_cuda.")]


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def _write_metadata(folder: Path) -> None:
    metadata = folder / f"refconv-{version()}.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: refconv\nVersion: {version()}\n")
    groups = {**_project()["entry-points"], "console_scripts": _project()["scripts"]}
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
        for group, points in groups.items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
