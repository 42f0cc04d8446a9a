"""How ``refconv report`` writes: names that are no markup, files that load nothing, and the command."""

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
import report_results as results

from refconv.cli import main

pytest.importorskip("jinja2", reason="the page needs pip install 'refconv[report]'")

from report_pages import read

from refconv_reports.page import goals, machine, render, report, stored

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "reports"
EVIL = "<script>alert(1)</script>|`x`*_&\"'"


class Tags(HTMLParser):
    """Every tag with its attributes, and the text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def evil(tmp_path):
    """A page whose every name is hostile."""
    ours, peer = results.pair(EVIL, 1.0, 2.0, implementation=EVIL)
    ours["extra_info"] |= {"tile": EVIL, "kernel": EVIL, "peer": EVIL}
    peer["extra_info"] |= {"implementation": EVIL + "2"}
    ours["extra_info"]["peer"] = EVIL + "2"
    bug = results.benchmark(1.0, kind="bug", bug=EVIL, law=EVIL, examples=1, seconds=1.0)
    law = {"law": EVIL, "implementation": EVIL, "dtype": EVIL, "examples": 1, "examples_per_second": 5.0}
    simulator = {"implementation": EVIL, "checked": False, "problems_per_second": 5.0}
    found = [ours, peer, bug, results.benchmark(1.0, kind="law", **law)]
    found += [results.benchmark(1.0, kind="simulator", **simulator)]
    machine_ = {**results.GPU, "gpu": EVIL, "cpu": EVIL}
    files = [results.file(machine_, found, day=day, commit=EVIL) for day in (1, 2)]
    kernels = {"nvrtc": "12.9.0", "architectures": ["sm_90"], "kernels": {}}
    figures = {"registers": 1, "blocks": 1, "occupancy": 0.5, "limit": EVIL}
    kernels["kernels"][EVIL] = {"file": EVIL, "threads": 1, "on": {"sm_90": figures}}
    verdicts = results.check({EVIL: "broken"}, {EVIL: 3}, implementation=EVIL, device=EVIL, dtype=EVIL)
    findings = {EVIL: {"implementation": EVIL, "unavailable": EVIL}}
    return report.page(read(tmp_path, *files, kernels, verdicts, findings))


def test_a_name_is_no_markup(tmp_path):
    page = evil(tmp_path)
    told = Tags(render.html(page))
    assert "script" not in {tag for tag, _ in told.tags}
    assert told.text.count("<script>alert(1)</script>") > 40
    for drawing in render.drawings(page).values():
        assert "script" not in {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(drawing).iter()}


def test_a_name_is_no_markdown(tmp_path):
    text = render.markdown(evil(tmp_path), "figures")
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        # A bar that no backslash precedes ends a cell: each row of a table has as many.
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1, block
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert "<script>" not in outside.replace(r"\<script\>", "")
    assert "[0]" not in outside


def test_nothing_is_loaded_from_anywhere(tmp_path):
    page = report.page(stored.read([*results.write(tmp_path, results.runs(("tf32",))), *stored.default_paths(REPORTS)]))
    told = Tags(text := render.html(page))
    loading = {"src", "srcset", "data", "poster", "action", "background", "xlink:href"}
    for tag, attributes in told.tags:
        assert not loading & set(attributes), tag
        for name in ("href", "style", "clip-path"):
            value = attributes.get(name, "")
            assert "//" not in value
            assert name not in attributes or name != "href" or value[0] == "#" or (tag, value) == ("link", "data:,")
    assert not {tag for tag, _ in told.tags} & {"script", "iframe", "img", "object", "embed", "base", "image"}
    assert re.findall(r"@import|url\((?!#)", text) == []
    assert set(re.findall(r"https?://[^\"' <)]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert len(text) < 3_000_000


def test_a_page_of_no_figures_says_what_would_fill_it(tmp_path):
    text = render.markdown(report.page(read(tmp_path, results.check({"crop": "held"}, {}))), "figures")
    assert "No layers on a GPU" in text
    assert "python reports/on_gpu.py" in text
    assert "No speed of the simulator, the laws and planted bugs" in text
    assert "## What is known" not in text.replace("## What is known\n\n- **Laws.**", "")


def test_the_committed_page_is_that_of_the_committed_files(monkeypatch):
    monkeypatch.chdir(ROOT)
    page = report.page(stored.read(stored.default_paths(Path("reports"))))
    again = "run again: refconv report --markdown reports/README.md"
    assert (REPORTS / "README.md").read_text(encoding="utf-8") == render.markdown(page, "figures"), again
    # Another matplotlib draws other bytes, but the same figures.
    assert {path.name for path in (REPORTS / "figures").iterdir()} == set(render.drawings(page)), again


# -- the command -----------------------------------------------------------------------------------


def test_it_writes_html_by_default_and_says_from_what(tmp_path, monkeypatch, capsys):
    results.write(tmp_path / "reports" / "results", results.little())
    shutil.copytree(REPORTS / "kernels", tmp_path / "reports" / "kernels")
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("wrote build/report.html, ")
    assert told[1] == "from 2 runs on 2 machines, 0 checked implementations, 0 released frameworks, 7 CUDA versions"
    assert (tmp_path / "build" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_markdown_alone_has_its_figures_beside_it(tmp_path):
    [path, _] = results.write(tmp_path, results.little())
    assert main(["report", str(path), "--markdown", str(tmp_path / "out" / "page.md")]) == 0
    text = (tmp_path / "out" / "page.md").read_text(encoding="utf-8")
    linked = re.findall(r"\]\((figures/[^)]+)\)", text)
    assert linked
    assert {tmp_path / "out" / name for name in linked} == {*(tmp_path / "out" / "figures").iterdir()}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["figures", "page.md"]


def test_the_same_files_make_the_same_bytes(tmp_path):
    [path, _] = results.write(tmp_path, results.little())
    for name in ("one", "two"):
        assert main(["report", str(path), "--html", str(tmp_path / f"{name}.html")]) == 0
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.json"], "cannot read nowhere.json: No such file or directory"),
        ([], "there is nothing to report below reports/: name the files, or run this in a checkout"),
        (["good.json", "--html", "folder"], "cannot write folder: Is a directory"),
        (["good.json", "--html", "good.json/page.html"], "cannot write good.json/page.html: good.json is no folder"),
        (["good.json", "--html", "/dev/full"], "cannot write /dev/full: No space left on device"),
    ],
)
def test_what_cannot_be_read_or_written_is_said(tmp_path, monkeypatch, capsys, arguments, says):
    results.write(tmp_path, {"good.json": results.file(results.GPU, results.pair("a", 1.0, 2.0))})
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["report", *arguments]) == 2
    assert capsys.readouterr().err == f"refconv report: {says}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "good.json"]


def test_a_page_that_cannot_be_written_whole_leaves_the_old_one(tmp_path, monkeypatch):
    [path, _] = results.write(tmp_path, results.little())
    page = tmp_path / "page.html"
    page.write_text("old", encoding="utf-8")

    def full(self, text, **options):
        self.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert main(["report", str(path), "--html", str(page)]) == 2
    assert page.read_bytes() == b"old"
    assert not [*tmp_path.glob("*.part"), *tmp_path.glob(".*.part")]


@pytest.mark.parametrize("module", ["jinja2", "matplotlib", "msgspec"])
def test_a_missing_library_is_named(tmp_path, module):
    script = f"import sys; sys.modules[{module!r}] = None; from refconv.cli import main; sys.exit(main(['report']))"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"refconv report: this needs {module}: pip install 'refconv[report]'\n"


def test_the_other_commands_need_none_of_them(tmp_path):
    script = (
        "import sys; sys.modules |= dict.fromkeys(['jinja2', 'matplotlib', 'msgspec'], None); "
        "from refconv.cli import main; sys.exit(main(['laws']))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_goals_are_about_gpus(tmp_path):
    found = read(tmp_path, results.file(results.CPU, results.pair("a", 1.0, 2.0)))
    assert goals.goals(found.runs) == []
    assert machine.title_of(found.runs[0]) == f"{results.CPU['cpu']}, 2 cores"
