"""The worked examples: each transcript of a walkthrough is what its command prints, in the walkthrough's folder."""

from pathlib import Path

import pages
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
STEPS = [
    pytest.param(page.parent, command, shown, id=f"{page.parent.name}: {command}")
    for page in sorted(EXAMPLES.glob("*/README.md"))
    for command, shown in pages.transcripts(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("folder", "command", "shown"), STEPS)
def test_a_step_is_what_the_command_prints(refconv, folder, command, shown):
    pages.assert_true(command, shown, refconv, folder)
