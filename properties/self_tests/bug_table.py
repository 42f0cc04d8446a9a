"""The table of planted bugs: which laws find each, after how many examples and milliseconds, and the smallest problem.

    python properties/self_tests/bug_table.py            print it
    python properties/self_tests/bug_table.py --write    and write it to docs/bugs.md

The expected law searches as many examples as the ci profile has, every other one ``--examples`` of them: a law that
does not find a bug costs all of its examples.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bugs import BUGS, THEMES
from bugs.finding import search, subject
from bugs.not_planted import NOT_PLANTED

from refconv_properties.laws import catalogue
from refconv_properties.search import PROFILES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bugs.md"
INTRODUCTION = """\
# Real bugs, planted once more

Each of these bugs was in a convolution that people used; the link leads to the report or to the fix. Each is planted
once more in a small implementation, with tiles and limits scaled down to problems of this size, and otherwise as it
happened (`properties/self_tests/bugs`). `python properties/self_tests/bug_table.py --write` makes this page: it looks
for every bug with every law.

- **examples**, **ms**: what the quickest law took to the first failure, without shrinking it; processor time.
- **smallest problem**: what that failure shrank to.
- **laws**: those that found it, the expected one first, in the ci profile; the others had {others} examples. A law in
  *italics* needs no reference.
"""


@dataclass(frozen=True)
class Row:
    """What is told of a bug. laws: names of those that found it, quickest first."""

    id: str
    laws: tuple[str, ...]
    examples: int = 0
    milliseconds: float = 0.0
    problem: str = ""
    why: str = ""


def row(id: str, others: int, seed: int) -> Row:
    """The row of one bug."""
    bug, laws = BUGS[id], catalogue()
    if bug.found_by not in laws and not others:
        return Row(id, (), why=f"waits for the law {bug.found_by}")
    searches = []
    for law in sorted(laws.values(), key=lambda law: law.name != bug.found_by):
        examples = PROFILES["ci"] if law.name == bug.found_by else others
        if examples and law.inapplicable(subject(bug.make(), bug.dtype)) is None:
            searches.append(search(bug, law, examples=examples, seed=seed))
    found = [one for one in searches if one.found]
    if not found:
        return Row(id, (), why="not found" if bug.found_by in laws else f"waits for the law {bug.found_by}")
    quickest = min(found, key=lambda one: one.milliseconds)
    names = tuple(one.law.name for one in found)
    return Row(id, names, quickest.examples, quickest.milliseconds, quickest.problem)


def table(rows: Iterable[Row], others: int) -> str:
    """The page."""
    laws, by_id = catalogue(), {one.id: one for one in rows}
    found = [one for one in by_id.values() if one.laws]
    alone = [one for one in found if any(not laws[name].reference for name in one.laws)]
    lines = [INTRODUCTION.format(others=others)]
    lines.append(
        f"{len(found)} of {len(by_id)} are found, {len(alone)} of them by a law that needs no reference; in the median "
        f"after {statistics.median(one.examples for one in found):.0f} examples and "
        f"{statistics.median(one.milliseconds for one in found):.0f} ms."
    )
    for theme in THEMES:
        bugs = [bug for bug in BUGS.values() if bug.kind == theme and bug.id in by_id]
        if not bugs:
            continue
        lines += ["", f"## {theme.capitalize()}", ""]
        lines += ["| bug | examples | ms | smallest problem | laws |", "|---|---:|---:|---|---|"]
        for bug in bugs:
            one = by_id[bug.id]
            names = ", ".join(name if laws[name].reference else f"*{name}*" for name in one.laws) or one.why
            figures = f"{one.examples} | {one.milliseconds:.0f} | `{one.problem}`" if one.laws else "| |"
            lines.append(f"| [{bug.id}]({bug.reference}): {bug.fault} | {figures} | {names} |")
    lines += ["", "## Not planted", "", "| bug | why |", "|---|---|"]
    lines += [f"| {reference} | {reason} |" for reference, reason in NOT_PLANTED.items()]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Prints the table; the status is 1 if a bug was not found that waits for nothing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("bugs", nargs="*", metavar="BUG", help="only these (default: all)")
    parser.add_argument("--examples", type=int, default=100, help="for laws that are not the expected one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--jobs", type=int, default=2, help="processes (times are of a process that shares its machine)"
    )
    parser.add_argument("--write", action="store_true", help="write docs/bugs.md")
    options = parser.parse_args()
    unknown = set(options.bugs) - set(BUGS)
    if unknown:
        parser.error(f"no such bug: {', '.join(sorted(unknown))}")
    chosen = options.bugs or list(BUGS)
    with ProcessPoolExecutor(options.jobs) as pool:
        count = len(chosen)
        rows = []
        for one in pool.map(row, chosen, [options.examples] * count, [options.seed] * count):
            rows.append(one)
            print(f"{one.id}: {', '.join(one.laws) or one.why}", file=sys.stderr, flush=True)
    page = table(rows, options.examples)
    print(page, end="")
    if options.write:
        PAGE.write_text(page, encoding="utf-8")
    return int(any(one.why == "not found" for one in rows))


if __name__ == "__main__":
    sys.exit(main())
