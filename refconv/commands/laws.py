"""``refconv laws``: the catalogue."""

from __future__ import annotations

import argparse

HELP = "print the catalogue of laws"
DESCRIPTION = (
    "Prints every law: its formula, the bugs that it kills and where they were seen, and why it may be trusted."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    from refconv_properties.laws import catalogue

    for law in catalogue().values():
        print(f"{law.name}\n    {law.formula}\n    kills: {law.kills}\n    seen:  {', '.join(law.seen)}")
        print(f"    trust: {law.trust}" + ("\n    needs: refconv's formulas" if law.reference else ""))
    return 0
