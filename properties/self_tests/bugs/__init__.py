"""Real bugs of convolutions, each planted once more in a small implementation that is otherwise right."""

import importlib

from bugs.catalogue import BUGS, THEMES, Bug

__all__ = ["BUGS", "THEMES", "Bug"]

for _theme in THEMES:
    importlib.import_module(f"bugs.{_theme}")
