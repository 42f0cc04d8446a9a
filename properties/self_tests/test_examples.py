"""The worked examples: what a walkthrough shows is what its commands print and its files hold, in its own folder."""

from pathlib import Path

import pages
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PAGES = sorted(EXAMPLES.glob("*/README.md"))
STEPS = [
    pytest.param(page.parent, command, shown, id=f"{page.parent.name}: {command}")
    for page in PAGES
    for command, shown in pages.transcripts(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("folder", "command", "shown"), STEPS)
def test_a_step_is_what_the_command_prints(refconv, folder, command, shown):
    pages.assert_true(command, shown, refconv, folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_code_shown_is_in_the_files(page):
    files = [" ".join(file.read_text(encoding="utf-8").split()) for file in page.parent.glob("*.py")]
    shown = [" ".join(code.split()) for code in pages.blocks(page.read_text(encoding="utf-8"), "python")]
    assert [code for code in shown if not any(code in file for file in files)] == []


def test_there_are_two_walkthroughs():
    assert [page.parent.name for page in PAGES] == ["derivation", "first_kernel"]
