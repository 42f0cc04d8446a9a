"""In which formats our kernels cannot compute on this machine, and why: a law in such a format could not be tried.

python -m gpu_run.unavailable gpu|simulator FILE NAME...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from refconv.implementation import ImplementationError, load


def unavailable(name: str, device: str) -> dict[str, str]:
    """The formats of an implementation that it does not have here, with the reasons."""
    found = {}
    implementation = load(name, device)
    for dtype in implementation.dtypes:
        try:
            implementation.chosen(dtype)
        except ImplementationError as reason:
            found[dtype] = str(reason)
    return found


def main() -> int:
    """Runs the command: for each name a line of what is missing, and all of it as JSON."""
    device, file, *names = sys.argv[1:]
    found = {name: unavailable(name, device) for name in names}
    Path(file).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for missing in found.values():
        for reason in missing.values():
            print(f"left out: {reason}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
