"""The numbers, the reading and the writing of ``refconv report``. What its page looks like: test_report_browser.py."""

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import report_results as results

from refconv.cli import main
from refconv.problem import Problem

pytest.importorskip("jinja2", reason="the page needs pip install 'refconv[report]'")

from refconv_reports.page import blocks, duels, goals, history, machine, render, report, stored
from refconv_reports.page.blocks import Code, Figure, Paragraph, Table, plain

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "reports"
PROBLEM = Problem.parse("b1h8w8i4o4k3p1")


# -- the numbers -----------------------------------------------------------------------------------


def layer(name, seconds, peer, *, operator="forward", dtype="float32", implementation="im2col"):
    """Our time and the peer's for a layer."""
    about = (name, PROBLEM, operator, dtype)
    yield results.layer(*about, implementation, seconds, peer="torch-cudnn", peer_seconds=peer)
    yield results.layer(*about, "torch-cudnn", peer, role="peer")


def read(tmp_path, *files):
    """What is stored in files of this content."""
    return stored.read(results.write(tmp_path, {f"{number}.json": file for number, file in enumerate(files)}))


def every(page, kind):
    """All blocks of a kind, in the page's order."""
    sections = [part for section in page.sections for part in (section, *section.sections)]
    return [block for section in sections for block in section.blocks if isinstance(block, kind)]


def cells(table):
    """A table's text: its heads, then its rows."""
    return [[plain(head) for head in table.columns], *([plain(cell.text) for cell in row] for row in table.rows)]


def table(page, starts):
    """The text of the one table whose caption begins so."""
    [found] = [block for block in every(page, Table) if plain(block.caption).startswith(starts)]
    return cells(found)


def test_geometric_means_by_hand(tmp_path):
    # 4 and 1/4 times as fast: 1 in the geometric mean, 2.125 in the arithmetic one. 2 and 8: 4.
    found = [*layer("a", 1.0, 4.0), *layer("b", 1.0, 0.25)]
    found += [*layer("a", 2.0, 4.0, operator="grad_weight"), *layer("b", 2.0, 16.0, operator="grad_weight")]
    page = report.page(read(tmp_path, results.file(results.GPU, found)))
    heads, row = cells(page.glances[0])
    assert dict(zip(heads, row, strict=True)) == {
        "precision": "float32",
        "forward": "1.00",
        "grad_input": "-",
        "grad_weight": "4.00",
        "layers": "2",
        "peer": "torch-cudnn",
        "measured": "2026-01-01",
    }
    [told] = [block.alt for block in every(page, Figure) if block.slug == "ratio-synthetic-gpu-float32"]
    assert "forward: 1.00 in the geometric mean of 2 layers, faster on 1, at worst 0.25 (b)" in told
    assert "grad_weight: 4.00 in the geometric mean of 2 layers, faster on 2, at worst 2.00 (a)" in told


def test_the_fastest_of_ours_is_compared(tmp_path):
    found = [*layer("a", 4.0, 2.0), *layer("a", 1.0, 2.0, implementation="implicit-gemm")]
    page = report.page(read(tmp_path, results.file(results.GPU, found)))
    rows = table(page, "Geometric means in float32")
    assert rows[0] == ["implementation", "operator", "layers", "to torch-cudnn", "of the roof"]
    assert [(row[0], row[3]) for row in rows[1:]] == [
        ("fastest for each layer", "2.00"),
        ("im2col", "0.50"),
        ("implicit-gemm", "2.00"),
    ]


def test_the_roof_by_hand(tmp_path):
    # 2 GFLOP and 1 GB: at 4 TFLOP/s and 1 TB/s arithmetic takes 0.5 ms, memory 1 ms; 4 ms are a quarter of the roof.
    # 8 GFLOP and 1 GB: arithmetic takes 2 ms, memory 1 ms; 2 ms are the roof itself. In the mean: a half.
    machine_ = {**results.GPU, "peak": {"float32": 4e12}, "bandwidth": 1e12}
    found = []
    for name, gflop, seconds in (("memory", 2.0, 4e-3), ("arithmetic", 8.0, 2e-3)):
        [ours, peer] = layer(name, seconds, seconds)
        found += [ours, peer]
        for one in (ours, peer):
            one["extra_info"] |= {"gflop": gflop, "gbyte": 1.0}
    page = report.page(read(tmp_path, results.file(machine_, found)))
    assert table(page, "Geometric means")[1][-1] == "0.50"
    assert every(page, Figure)[0].alt == "Roofline. Of the roof, in the geometric mean over the layers: forward 0.50."
    rows = {row[0]: row[4:7] for row in table(page, "2 layers")[1:]}
    assert rows == {"memory": ["4.00 ms", "0.500", "250"], "arithmetic": ["2.00 ms", "4.00", "500"]}


def test_a_point_above_the_roof_is_said_to_be_one(tmp_path):
    machine_ = {**results.GPU, "peak": {"float32": 1e9}, "bandwidth": 1e12}
    page = report.page(read(tmp_path, results.file(machine_, layer("a", 1.0, 1e-6))))
    assert "1 point of torch-cudnn above it" in every(page, Figure)[0].alt


def test_all_means_are_those_of_the_raw_file(tmp_path):
    raw = results.gpu(dtypes=("tf32",))
    page = report.page(read(tmp_path, raw))
    times = {}
    for one in raw["benchmarks"]:
        about = one["extra_info"]
        key = about["layer"], about["operator"], about["implementation"]
        times[key] = one["stats"]["median"]
    names = {name for name, _, _ in times}
    assert len(names) == 53
    expected = []
    for operator in ("forward", "grad_input", "grad_weight"):
        logs = [
            np.log(times[name, operator, "torch-cudnn"])
            - np.log(min(times[name, operator, "implicit-gemm-64"], times[name, operator, "tensor-core"]))
            for name in names
        ]
        expected.append(f"{np.exp(np.mean(logs)):.2f}")
    assert cells(page.glances[0])[1][1:4] == expected


def test_points_are_drawn_where_their_values_are(tmp_path):
    found = [*layer("half", 2.0, 1.0), *layer("one", 1.0, 1.0), *layer("four", 1.0, 4.0)]
    page = report.page(read(tmp_path, results.file(results.GPU, found)))
    [drawn] = [block for block in every(page, Figure) if block.slug == "ratio-synthetic-gpu-float32"]
    points = {}
    for use in ElementTree.fromstring(drawn.wide).iter("{http://www.w3.org/2000/svg}use"):
        title = use.find("{http://www.w3.org/2000/svg}title")
        if title is not None:
            points[title.text.partition(",")[0]] = float(use.get("x")), float(use.get("y")), title.text
    half, one, four = (points[name] for name in ("half", "one", "four"))
    assert (four[0] - one[0]) / (one[0] - half[0]) == pytest.approx(2, rel=1e-4)  # a logarithmic axis
    assert half[1] > one[1] > four[1]  # the slowest last
    assert half[2] == "half, forward: 0.50 (im2col, 2.00 s; torch-cudnn 1.00 s)"


def test_a_goal_that_is_missed_says_by_how_much(tmp_path):
    found = [*layer("a", 1.0, 0.6), *layer("a", 1.0, 0.9, operator="grad_input")]
    page = report.page(read(tmp_path, results.file(results.GPU, found)))
    rows = {row[0]: row[1:] for row in table(page, "The goals")[1:]}
    assert rows["float32 forward, to cuDNN"] == ["0.85", "0.60", "short by 0.25"]
    assert rows["float32 grad_input, to cuDNN"] == ["0.80", "0.90", "met"]
    assert rows["float32 grad_weight, to cuDNN"] == ["0.75", "-", "not measured"]


def test_depthwise_layers_are_held_against_memory(tmp_path):
    machine_ = {**results.GPU, "peak": {"float32": 1e15}, "bandwidth": 1e12}
    depthwise = Problem.parse("b1h8w8i4o4k3p1g4")
    found = [
        results.layer("deep", depthwise, "forward", "float32", "depthwise", 2e-3, peer=None),
        results.layer("dense", PROBLEM, "forward", "float32", "im2col", 1.0, peer=None),
    ]
    for one in found:
        one["extra_info"] |= {"gflop": 1e-3, "gbyte": 1.0}
    page = report.page(read(tmp_path, results.file(machine_, found)))
    assert table(page, "The goals")[-1] == [
        "depthwise float32, of the memory roofline",
        "0.80",
        "0.50",
        "short by 0.30",
    ]


def test_planted_bugs_by_hand(tmp_path):
    found = [
        results.benchmark(1.0, kind="bug", bug=f"bug_{seconds}", law="crop", examples=4, seconds=seconds)
        for seconds in (0.001, 0.004, 0.1)
    ]
    page = report.page(read(tmp_path, results.file(results.CPU, found)))
    told = every(page, Figure)[0].alt
    assert told == (
        "3 planted bugs: half are found within 4.00 ms, all within 100 ms, the last by crop after 4 examples, bug_0.1."
    )


def test_the_simulator_by_hand(tmp_path):
    found = [
        results.benchmark(1.0, kind="simulator", implementation="direct", checked=checked, problems_per_second=rate)
        for checked, rate in ((False, 900.0), (True, 60.0))
    ]
    page = report.page(read(tmp_path, results.file(results.CPU, found)))
    assert table(page, "Small problems a second")[1] == ["direct", "900", "60.0", "15.0"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "0"),
        (0.00012345, "0.000123"),
        (0.8731, "0.873"),
        (1.005, "1.00"),
        (41.26, "41.3"),
        (1240.4, "1,240"),
        (3e12, "3.00e+12"),
    ],
)
def test_a_number_has_three_figures(value, told):
    assert blocks.number(value) == told


@pytest.mark.parametrize(
    ("seconds", "told"), [(2.5, "2.50 s"), (0.0562, "56.2 ms"), (3.4e-6, "3.40 µs"), (7.4e-9, "7.40 ns"), (0, "0 ns")]
)
def test_a_duration_has_its_unit(seconds, told):
    assert blocks.duration(seconds) == told


# -- what is compared with what --------------------------------------------------------------------


def test_each_machine_stands_by_itself(tmp_path):
    # The same layers on both: had the page mixed them, a mean would be another.
    other = {**results.GPU, "machine": "other-gpu", "gpu": "Other GPU"}
    files = [
        results.file(results.GPU, layer("a", 1.0, 3.37), day=1),
        results.file(other, layer("a", 1.0, 7.91), day=2),
    ]
    page = report.page(read(tmp_path, *files))
    assert [section.title for section in page.sections] == ["Other GPU", "Synthetic GPU"]
    assert [cells(glance)[1][1] for glance in page.glances] == ["7.91", "3.37"]
    for section, own, others in zip(page.sections, ("7.91", "3.37"), ("3.37", "7.91"), strict=True):
        text = render.html(report.Page(blocks.Bullets([]), blocks.Bullets([]), (), (section,)))
        assert own in text
        assert others not in re.sub(r"<svg.*?</svg>", "", text)


def test_a_history_is_of_one_machine(tmp_path):
    other = {**results.GPU, "machine": "other-gpu", "gpu": "Other GPU"}
    found = read(tmp_path, results.file(results.GPU, layer("a", 1.0, 2.0)), results.file(other, layer("a", 1.0, 8.0)))
    with pytest.raises(ValueError, match="of one machine"):
        history.history(found.runs)
    for runs in found.machines.values():
        [told] = history.history(runs)
        assert told == Paragraph("One run of this machine is stored: the next will make a history.")


def test_a_figure_is_of_the_newest_run_that_has_its_dtype(tmp_path):
    files = [
        results.file(results.GPU, layer("a", 1.0, 2.0, dtype="tf32"), day=1, commit="a" * 40),
        results.file(results.GPU, layer("a", 1.0, 3.0), day=2, commit="b" * 40),
        results.file(results.GPU, [*layer("a", 1.0, 4.0), *layer("b", 1.0, 4.0)], day=3, commit="c" * 40, dirty=True),
    ]
    page = report.page(read(tmp_path, *reversed(files)))
    assert [cells(page.glances[0])[row][:2] for row in (1, 2)] == [["float32", "4.00"], ["tf32", "2.00"]]
    sources = [plain(block.text) for block in every(page, Paragraph) if plain(block.text).startswith("Measured on")]
    assert sources == [
        "Measured on 2026-01-03 at commit cccccccc+: 0.json.",
        "Measured on 2026-01-01 at commit aaaaaaaa: 2.json.",
    ]


def test_a_history_counts_runs_of_the_same_cases_only(tmp_path):
    both = lambda ratio: [*layer("a", 1.0, ratio), *layer("b", 1.0, ratio)]  # noqa: E731
    files = [
        results.file(results.GPU, both(1.0), day=1),
        results.file(results.GPU, layer("a", 1.0, 99.0), day=2),  # the easy layer alone is no progress
        results.file(results.GPU, [*both(2.0), *layer("c", 1.0, 99.0)], day=3),  # nor is one more layer
        results.file(results.GPU, both(3.0), day=4),
    ]
    page = report.page(read(tmp_path, *files))
    heads, row = table(page, "The same in figures")
    assert row == ["float32, ratio to torch-cudnn", "forward", "1.00", "2.00", "3.00"]
    assert [head.split()[1] for head in heads[2:]] == ["2026-01-01", "2026-01-03", "2026-01-04"]


def test_runs_without_a_common_case_make_no_history(tmp_path):
    files = [results.file(results.GPU, layer(name, 1.0, 2.0), day=day) for day, name in ((1, "a"), (2, "b"))]
    [told] = history.history(read(tmp_path, *files).runs)
    assert told == Paragraph("No two runs of this machine timed the same cases: there is no history yet.")


def test_a_peer_of_another_precision_is_none(tmp_path):
    ours, _ = layer("a", 1.0, 2.0, dtype="float32")
    _, peer = layer("a", 1.0, 2.0, dtype="tf32")
    ours["extra_info"] |= {"peer": None, "peer_ratio": None}
    found = read(tmp_path, results.file(results.GPU, [ours, peer]))
    assert duels.peers(found.runs[0], "float32") == []
    page = report.page(found)
    assert page.glances == ()
    assert Paragraph("No peer was timed in float32, so there is no ratio.") in every(page, Paragraph)


def test_notes_beside_a_run_are_told(tmp_path):
    (tmp_path / "0.txt").write_text("The profiler says:\n<memory>.\n\nSecond.\n", encoding="utf-8")
    page = report.page(read(tmp_path, results.file(results.GPU, layer("a", 1.0, 2.0))))
    told = [plain(block.text) for block in every(page, Paragraph)]
    assert told[1:3] == ["The profiler says: <memory>.", "Second."]
    assert "The profiler says: &lt;memory&gt;." in render.html(page)


# -- laws, geometry, compilers ---------------------------------------------------------------------


def check(verdicts, coverage, **about):
    """A report of ``refconv check --json`` with these laws."""
    laws = [{"law": law, "verdict": verdict, "examples": 10, "seconds": 0.1} for law, verdict in verdicts.items()]
    run = {"implementation": "mine", "device": "host", "dtype": "float32", "verdict": "held", "laws": laws}
    return {"version": "0.1.0", "seed": 1, "runs": [run | {"coverage": coverage} | about]}


def test_the_worst_verdict_over_the_dtypes_counts(tmp_path):
    wide = check({"crop": "held", "views": "held", "taps": "skipped"}, {})
    narrow = check({"crop": "broken", "views": "vacuous", "taps": "skipped"}, {}, dtype="float64")
    page = report.page(read(tmp_path, {**wide, "runs": wide["runs"] + narrow["runs"]}))
    assert table(page, "What became of each law") == [
        ["law", "mine host, float32, float64"],
        ["crop", "broken"],
        ["views", "held"],
        ["taps", "n/a"],
        ["examples", "60"],
    ]
    assert "0 of 1 break none, and these break some: mine host, float32, float64 (1)." in plain(
        every(page, Paragraph)[0].text
    )
    assert ("Our kernels", "In 2 runs, 2 of 3 laws tried hold, in 30 examples.") in page.known.items


def test_coverage_is_that_of_the_run_that_has_least(tmp_path):
    one, other = (check({}, {"batch 0": few, "one row": 70}, dtype=dtype) for few, dtype in ((5, "a"), (9, "b")))
    page = report.page(read(tmp_path, {**one, "runs": one["runs"] + other["runs"]}))
    [drawn] = every(page, Figure)
    assert drawn.alt == (
        "Geometry coverage. All 2 cells of the geometry are reached by each of 2 runs; the fewest examples, 5, lie in "
        "“batch 0”."
    )
    missed = report.page(read(tmp_path, check({}, {"batch 0": 0, "one row": 70})))
    assert "not by all: batch 0." in every(missed, Figure)[0].alt


def test_findings_are_those_of_the_stored_file():
    page = report.page(stored.read([REPORTS / "findings.json"]))
    raw = json.loads((REPORTS / "findings.json").read_text(encoding="utf-8"))
    heads, *rows = table(page, "What became of each law")
    shown = {
        key: {law["law"] for law in finding["laws"] if law["verdict"] == "broken"}
        for key, finding in raw.items()
        if "laws" in finding
    }
    assert [{row[0] for row in rows if row[column] == "broken"} for column in range(1, len(heads))] == [*shown.values()]


def test_kernels_are_those_of_the_stored_files():
    paths = sorted((REPORTS / "kernels").glob("*.json"))
    page = report.page(stored.read(reversed(paths)))
    heads, *rows = table(page, "The same on sm_90")
    raw = {json.loads(path.read_text(encoding="utf-8"))["nvrtc"]: path for path in paths}
    versions = sorted(raw, key=lambda version: [*map(int, version.split("."))])
    assert heads == ["kernel", *(f"CUDA {version.rpartition('.')[0]}" for version in versions)]
    compared = 0
    for row in rows:
        for version, cell in zip(versions, row[1:], strict=True):
            on = json.loads(raw[version].read_text(encoding="utf-8"))["kernels"].get(row[0], {}).get("on", {})
            found = on.get("sm_90")
            found = on[found] if isinstance(found, str) else found
            assert cell.startswith(f"{found['registers']}" if found else "-")
            assert not found or cell.endswith(f" · {found['occupancy']:.0%}")
            compared += 1
    assert compared > 100


# -- what is refused -------------------------------------------------------------------------------


def with_(change):
    """A good file, changed."""
    file = results.file(results.GPU, [*layer("a", 1.0, 2.0)])
    change(file)
    return json.dumps(file)


def extra(**values):
    """Changes what is stored beside the first benchmark."""
    return lambda file: file["benchmarks"][0]["extra_info"].update(values)


HOSTILE = {
    "empty": ("", "truncated"),
    "no JSON": ("{'a': 1}", "malformed"),
    "a list": ("[]", "must hold a JSON object, not list"),
    "something else": ('{"a": 1}', "is JSON, but none that a report is made from"),
    "an empty object": ("{}", "is JSON, but none that a report is made from"),
    "NaN": (with_(extra(gflop=float("nan"))), "malformed"),
    "infinity": (with_(extra(tflops=float("inf"))), "malformed"),
    "too deep": ("[" * 100_000, "recursion"),
    "no machine": (with_(lambda file: file["machine_info"].clear()), "`refconv`.*`\\$.machine_info`"),
    "machine a path": (
        with_(lambda f: f["machine_info"].update(refconv={**results.GPU, "machine": "../x"})),
        "pattern",
    ),
    "no datetime": (with_(lambda file: file.pop("datetime")), "`datetime`"),
    "datetime of a number": (with_(lambda file: file.update(datetime=5)), "datetime"),
    "benchmarks an object": (with_(lambda file: file.update(benchmarks={})), "Expected `array`, got `object`"),
    "no median": (with_(lambda file: file["benchmarks"][0]["stats"].clear()), "`median`.*benchmarks\\[0\\].stats"),
    "a median of 0": (with_(lambda file: file["benchmarks"][0]["stats"].update(median=0)), "> 0.0"),
    "a median of text": (with_(lambda file: file["benchmarks"][0]["stats"].update(median="1")), "Expected `float`"),
    "another kind": (with_(extra(kind="speed")), "kind 'speed', must be one of layer, simulator"),
    "a kind of a list": (with_(extra(kind=[])), "kind \\[\\], must be one of"),
    "not certified": (with_(extra(certified=False)), "certified|Expected"),
    "another operator": (with_(extra(operator="backward")), "backward"),
    "another dtype": (with_(extra(dtype="int8")), "int8"),
    "GFLOP of text": (with_(extra(gflop="many")), "gflop"),
    "no problem": (with_(extra(problem="b1h1w1")), "b1h1w1"),
    "an impossible problem": (with_(extra(problem="b1h1w1i1o1k3")), "kernel"),
    "a peer that is not there": (with_(extra(peer="cudnn")), "compared with cudnn, which this run has not timed"),
    "a ratio that is not so": (with_(extra(peer_ratio=3.0)), "has peer_ratio 3.0, but its medians say 2"),
    "another verdict": (json.dumps(check({"crop": "fine"}, {})), "fine.*\\$.runs\\[0\\].laws\\[0\\].verdict"),
    "negative coverage": (json.dumps(check({}, {"one row": -1})), ">= 0"),
    "NVRTC of a number": ('{"nvrtc": 12, "architectures": [], "kernels": {}}', "Expected `str`.*nvrtc"),
    "registers of text": (
        '{"nvrtc": "12.9.0", "architectures": ["sm_90"], "kernels": {"a": {"file": "a.cu", "threads": 1, "on": '
        '{"sm_90": {"registers": "many"}}}}}',
        "registers",
    ),
    "an architecture like none": (
        '{"nvrtc": "12.9.0", "architectures": ["sm_90"], "kernels": {"a": {"file": "a.cu", "threads": 1, "on": '
        '{"sm_90": "sm_80"}}}}',
        "is as on 'sm_80', which has no figures",
    ),
    "findings without laws": ('{"torch": {"implementation": "torch", "laws": 5}}', "laws"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_named_with_what_is_wrong(tmp_path, capsys, name):
    content, says = HOSTILE[name]
    file = tmp_path / "hostile.json"
    file.write_text(content, encoding="utf-8")
    assert main(["report", str(file), "--html", str(tmp_path / "page.html")]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"refconv report: {file}")
    assert re.search(says, told.err, re.DOTALL), told.err
    assert not (tmp_path / "page.html").exists()


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(stored.InputError, match=r"a\.json"):
        stored.read([tmp_path / "a.json"])


def test_the_good_file_of_these_is_good(tmp_path):
    (tmp_path / "a.json").write_text(with_(lambda file: None), encoding="utf-8")
    assert len(stored.read([tmp_path / "a.json"]).runs[0].results) == 2


def test_two_machines_of_one_name_are_refused(tmp_path):
    other = {**results.GPU, "gpu": "Other GPU"}
    with pytest.raises(
        stored.InputError, match=r"0\.json and .*1\.json both call their machine 'synthetic-gpu'.*gpu is"
    ):
        read(tmp_path, results.file(results.GPU, []), results.file(other, [], day=2))


def test_other_benchmarks_in_a_file_are_passed_over(tmp_path):
    other = results.benchmark(1.0, kind="x")
    other["extra_info"] = {}
    found = read(tmp_path, results.file(results.GPU, [other, *layer("a", 1.0, 2.0)]))
    assert len(found.runs[0].results) == 2


def test_a_file_named_twice_is_read_once(tmp_path):
    paths = results.write(tmp_path, {"a.json": results.file(results.GPU, layer("a", 1.0, 2.0))})
    assert len(stored.read([*paths, *paths, tmp_path / ".." / tmp_path.name / "a.json"]).runs) == 1


# -- what is written -------------------------------------------------------------------------------

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
    ours, peer = layer(EVIL, 1.0, 2.0, implementation=EVIL)
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
    verdicts = check({EVIL: "broken"}, {EVIL: 3}, implementation=EVIL, device=EVIL, dtype=EVIL)
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
    text = render.markdown(report.page(read(tmp_path, check({}, {}))), "figures")
    assert "No figures of a GPU" in text
    assert "refconv bench" in text
    assert "## What is known" not in text.replace("## What is known\n\n- **Our kernels.**", "")


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
    results.write(tmp_path, {"good.json": results.file(results.GPU, layer("a", 1.0, 2.0))})
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
    found = read(tmp_path, results.file(results.CPU, layer("a", 1.0, 2.0)))
    assert goals.goals(found.runs) == []
    assert machine.title_of(found.runs[0]) == results.CPU["cpu"]
    assert Code("x") == "x"
