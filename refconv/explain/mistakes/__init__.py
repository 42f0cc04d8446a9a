"""Simple mistakes, each as a formula: what the whole result would be if just this had gone wrong.

A hypothesis counts only if it gives *every* element of a result, wrong ones and right ones, with ``==``. `TABLE` is
in the order in which equally good ones are preferred: the simpler and the more frequent first.
"""

from __future__ import annotations

from refconv.explain.mistakes import geometry, memory, parts, whole
from refconv.explain.mistakes.case import Case, Hypothesis

__all__ = ["TABLE", "Case", "Hypothesis"]

TABLE: tuple[Hypothesis, ...] = (*geometry.all_(), *memory.all_(), *parts.all_(), *whole.all_())
