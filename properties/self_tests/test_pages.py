"""The pages: every link between them leads to a file and a heading that are there, and their examples are true."""

import doctest
import re
from pathlib import Path

import pages
import pytest

from refconv.problem import Problem
from refconv_cuda import convolution

ROOT = Path(__file__).resolve().parents[2]
PAGES = [path for place in ("*.md", "docs/*.md", "examples/*/*.md") for path in sorted(ROOT.glob(place))]


def links(text):
    """The targets of a page's links that stay in this repository; what a block of code shows is no link."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"`[^`\n]+`(?!\])", "", prose)
    return [target for target in re.findall(r"\]\(([^()\s]+)\)", prose) if not re.match(r"[a-z]+:", target)]


def anchors(text):
    """What a page's headings are called in a link, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page):
    found = []
    for target in links(page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        if not file.exists() or (anchor and anchor not in anchors(file.read_text(encoding="utf-8"))):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert broken(page) == []


def test_a_broken_link_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# One: `two`\n[a](page.md) [b](#one-two) [c](page.md#one-two) [d](https://no.where/x) [`e`](page.md)\n"
        "[f](no.md) [g](#two) `[h](no.md)`\n```sh\n[i](no.md)\n```\n[`j`](no.md)\n"
    )
    assert broken(page) == ["no.md", "#two", "no.md"]


def test_the_simulators_page_is_true():
    # The derivation's examples are `test_errata`'s.
    failed, attempted = doctest.testfile(str(ROOT / "docs" / "simulator.md"), module_relative=False, encoding="utf-8")
    assert attempted > 0
    assert failed == 0


KERNELS = (ROOT / "docs" / "kernels.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("command", "shown"), pages.transcripts(KERNELS))
def test_the_kernels_page_shows_what_the_chooser_says(refconv, command, shown):
    pages.assert_true(command, shown, refconv, ROOT)


def test_the_kernels_page_overrules_the_chooser():
    [code] = pages.blocks(KERNELS, "python")
    made = {}
    exec(code, made)
    problem = Problem.parse("b256h56w56i64o64k3s2p1")
    assert made["mine"].chosen("grad_weight", problem, "float32").name == "implicit-gemm-64"


def test_the_kernels_page_has_a_row_for_each_kernel():
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", KERNELS, re.MULTILINE)
    told = {name: dtypes for names, dtypes in rows for name in re.findall(r"`([\w-]+)`", names)}
    assert told.pop("auto") == "all"
    assert told == {kernel.name: ", ".join(kernel.dtypes) for kernel in convolution.KERNELS}


def test_the_pages_have_links():
    assert sum(len(links(page.read_text(encoding="utf-8"))) for page in PAGES) > 10
