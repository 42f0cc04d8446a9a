"""The numbers of ``refconv report``, and what is compared with what. How it looks: test_report_browser.py."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import report_results as results

from refconv.problem import Problem

pytest.importorskip("jinja2", reason="the page needs pip install 'refconv[report]'")

from report_pages import cells, every, read, table

from refconv_reports.page import blocks, drawing, duels, history, render, report, stored
from refconv_reports.page.blocks import Figure, Paragraph, Table, plain

REPORTS = Path(__file__).resolve().parents[2] / "reports"

# -- the numbers -----------------------------------------------------------------------------------


def test_geometric_means_by_hand(tmp_path):
    # 4 and 1/4 times as fast: 1 in the geometric mean, 2.125 in the arithmetic one. 2 and 8: 4.
    found = [*results.pair("a", 1.0, 4.0), *results.pair("b", 1.0, 0.25)]
    found += [
        *results.pair("a", 2.0, 4.0, operator="grad_weight"),
        *results.pair("b", 2.0, 16.0, operator="grad_weight"),
    ]
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
    found = [*results.pair("a", 4.0, 2.0), *results.pair("a", 1.0, 2.0, implementation="implicit-gemm")]
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
        [ours, peer] = results.pair(name, seconds, seconds)
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
    page = report.page(read(tmp_path, results.file(machine_, results.pair("a", 1.0, 1e-6))))
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
    found = [*results.pair("half", 2.0, 1.0), *results.pair("one", 1.0, 1.0), *results.pair("four", 1.0, 4.0)]
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
    found = [*results.pair("a", 1.0, 0.6), *results.pair("a", 1.0, 0.9, operator="grad_input")]
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
        results.layer("dense", results.SMALL, "forward", "float32", "im2col", 1.0, peer=None),
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
    assert table(page, "Problems a second on the simulator")[1] == ["direct", "900", "60.0", "15.0"]


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
    ("low", "high", "ticks"),
    [
        (0.8, 12, [1, 2, 5, 10]),
        (2.1, 200, [5, 10, 50, 100]),
        (2.1, 700, [10, 100]),
        (0.5, 20_000, [1, 10, 100, 1000, 10_000]),
        (1e-9, 1e6, [1e-9, 1e-6, 1e-3, 1, 1e3, 1e6]),
        *((value / drawing.ROOM, value * drawing.ROOM, [tick]) for value, tick in ((3.1, 2), (3.3, 5))),
    ],
)
def test_ticks_of_a_logarithmic_axis(low, high, ticks):
    assert drawing.log_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("value", "told"), [(0.004, "0.004"), (0.0951, "0.0951"), (0.876, "0.88"), (9.994, "9.99"), (31.52, "31.5")]
)
def test_a_ratio_has_two_decimals_unless_it_is_small_or_large(value, told):
    assert blocks.ratio(value) == told


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
        results.file(results.GPU, results.pair("a", 1.0, 3.37), day=1),
        results.file(other, results.pair("a", 1.0, 7.91), day=2),
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
    found = read(
        tmp_path,
        results.file(results.GPU, results.pair("a", 1.0, 2.0)),
        results.file(other, results.pair("a", 1.0, 8.0)),
    )
    with pytest.raises(ValueError, match="of one machine"):
        history.history(found.runs)
    for runs in found.machines:
        [told] = history.history(runs)
        assert told == Paragraph("One run of this machine is stored: the next will make a history.")


def test_a_figure_is_of_the_newest_run_that_has_its_dtype(tmp_path):
    files = [
        results.file(results.GPU, results.pair("a", 1.0, 2.0, dtype="tf32"), day=1, commit="a" * 40),
        results.file(results.GPU, results.pair("a", 1.0, 3.0), day=2, commit="b" * 40),
        results.file(
            results.GPU,
            [*results.pair("a", 1.0, 4.0), *results.pair("b", 1.0, 4.0)],
            day=3,
            commit="c" * 40,
            dirty=True,
        ),
    ]
    page = report.page(read(tmp_path, *reversed(files)))
    assert [cells(page.glances[0])[row][:2] for row in (1, 2)] == [["float32", "4.00"], ["tf32", "2.00"]]
    sources = [plain(block.text) for block in every(page, Paragraph) if plain(block.text).startswith("Measured on")]
    assert sources == [
        "Measured on 2026-01-03 at commit cccccccc+: 0.json.",
        "Measured on 2026-01-01 at commit aaaaaaaa: 2.json.",
    ]


def test_a_history_counts_runs_of_the_same_cases_only(tmp_path):
    both = lambda ratio: [*results.pair("a", 1.0, ratio), *results.pair("b", 1.0, ratio)]  # noqa: E731
    files = [
        results.file(results.GPU, both(1.0), day=1),
        results.file(results.GPU, results.pair("a", 1.0, 99.0), day=2),  # the easy layer alone is no progress
        results.file(results.GPU, [*both(2.0), *results.pair("c", 1.0, 99.0)], day=3),  # nor is one more layer
        results.file(results.GPU, both(3.0), day=4),
    ]
    page = report.page(read(tmp_path, *files))
    heads, row = table(page, "The same in figures")
    assert row == ["float32, ratio to torch-cudnn", "forward", "1.00", "2.00", "3.00"]
    assert [head.split()[1] for head in heads[2:]] == ["2026-01-01", "2026-01-03", "2026-01-04"]


def test_runs_without_a_common_case_make_no_history(tmp_path):
    files = [results.file(results.GPU, results.pair(name, 1.0, 2.0), day=day) for day, name in ((1, "a"), (2, "b"))]
    [told] = history.history(read(tmp_path, *files).runs)
    assert told == Paragraph("No two runs of this machine timed the same cases: there is no history yet.")


def test_a_peer_of_another_precision_is_none(tmp_path):
    ours, _ = results.pair("a", 1.0, 2.0, dtype="float32")
    _, peer = results.pair("a", 1.0, 2.0, dtype="tf32")
    ours["extra_info"] |= {"peer": None, "peer_ratio": None}
    found = read(tmp_path, results.file(results.GPU, [ours, peer]))
    assert duels.peers(found.runs[0], duels.Subject("ours", "float32")) == []
    page = report.page(found)
    assert page.glances == ()
    assert Paragraph("No peer was timed in float32, so there is no ratio.") in every(page, Paragraph)


def test_formulas_and_simulated_kernels_stand_apart(tmp_path):
    # Both are times of one CPU in one dtype, but nobody wants the kernels' of the simulator as the formulas'.
    formulas = [*results.pair("a", 1.0, 2.0)]
    formulas[0]["extra_info"]["role"] = "oracle"
    kernels = results.layer("a", results.SMALL, "forward", "float32", "im2col", 50.0)
    files = results.file(results.CPU, formulas), results.file(results.CPU, [kernels], day=2)
    page = report.page(read(tmp_path, *files))
    [section] = page.sections
    assert [part.title for part in section.sections] == [
        "Kernels in the simulator, float32",
        "Formulas, float32",
        "History",
    ]
    assert cells(page.glances[0])[1][:2] == ["Formulas, float32", "2.00"]
    assert table(page, "1 layer in float32, each operator and implementation")[1][3:5] == [
        "im2col, 128x128x16",
        "50.0 s",
    ]


def test_a_machine_is_told_of_with_what_is_stored(tmp_path):
    page = report.page(read(tmp_path, *results.runs(("tf32",)).values()))
    assert [(name, plain(text)) for name, text in page.known.items] == [
        ("Synthetic GPU", "3 runs of 53 layers, the newest from 2026-01-15 at commit cccccccc."),
        (
            f"{results.CPU['cpu']}, 2 cores",
            "2 runs of 5 layers, 24 laws and 111 planted bugs, the newest from 2026-01-16 at commit cccccccc.",
        ),
    ]
    slugs = [block.slug for block in every(page, Figure)]
    assert len(slugs) == len(set(slugs))


def test_notes_beside_a_run_are_told(tmp_path):
    (tmp_path / "0.txt").write_text("The profiler says:\n<memory>.\n\nSecond.\n", encoding="utf-8")
    page = report.page(read(tmp_path, results.file(results.GPU, results.pair("a", 1.0, 2.0))))
    told = [plain(block.text) for block in every(page, Paragraph)]
    assert told[1:3] == ["The profiler says: <memory>.", "Second."]
    assert "The profiler says: &lt;memory&gt;." in render.html(page)


# -- laws, geometry, compilers ---------------------------------------------------------------------


def test_the_worst_verdict_over_the_dtypes_counts(tmp_path):
    wide = results.check({"crop": "held", "views": "held", "taps": "skipped"}, {})
    narrow = results.check({"crop": "broken", "views": "vacuous", "taps": "skipped"}, {}, dtype="float64")
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
    assert ("Laws", "In 2 runs, 2 of 3 laws tried hold, in 30 examples.") in page.known.items


def test_certificates_by_hand(tmp_path):
    told = {"layer": "a", "problem": "b1h1w1i1o1k1", "reason": "", "scaled": ""}
    layers = [told | {"operator": "forward", "verdict": "held", "probability": 2e-9}]
    layers += [told | {"operator": "grad_input", "verdict": "held", "probability": 1e-9, "scaled": "batch 4 to 1"}]
    layers += [told | {"operator": "grad_weight", "verdict": "broken", "reason": "dW[0,0,0,0] = 1, but the sum is 2"}]
    layers += [told | {"layer": "b", "operator": "forward", "verdict": "skipped"}]
    report_ = {"version": "0.1.0", "implementation": "mine", "spec": "mine", "device": "gpu", "dtype": "tf32"}
    page = report.page(read(tmp_path, report_ | {"seed": 1, "memory": 5, "layers": layers}))
    assert table(page, "Results of the three operators")[1] == ["mine", "gpu, tf32", "2", "1", "2", "1", "1"]
    assert plain(every(page, Paragraph)[0].text) == (
        "Of 4 results on 2 layers, 2 are right and 1 wrong; that a wrong one is among the right has a probability of "
        "3.00e-09 at most."
    )
    [wrong] = every(page, blocks.Bullets)
    assert wrong.items == [("a, grad_weight", "mine on gpu, tf32: dW[0,0,0,0] = 1, but the sum is 2")]


def test_coverage_is_that_of_the_run_that_has_least(tmp_path):
    one, other = (
        results.check({}, {"batch 0": few, "one row": 70}, dtype=dtype) for few, dtype in ((5, "a"), (9, "b"))
    )
    page = report.page(read(tmp_path, {**one, "runs": one["runs"] + other["runs"]}))
    [drawn] = every(page, Figure)
    assert drawn.alt == (
        "Geometry coverage. All 2 cells of the geometry are reached by each of 2 runs; the fewest examples, 5, lie in "
        "“batch 0”."
    )
    missed = report.page(read(tmp_path, results.check({}, {"batch 0": 0, "one row": 70})))
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
            assert not found or cell.endswith(f" · {100 * found['occupancy']:.3g}%")
            compared += 1
    assert compared > 100


@pytest.mark.parametrize(("instances", "rows", "folded"), [(4, 20, False), (8, 5, True)])
def test_many_kernels_are_drawn_by_template(tmp_path, instances, rows, folded):
    page = report.page(read(tmp_path, results.kernels(5, instances)))
    [drawn] = every(page, Figure)
    names = [text for text in ElementTree.fromstring(drawn.wide).itertext() if text.startswith("a_kernel")]
    assert len(names) == rows
    assert all(name.endswith(f" ({instances})") for name in names) is folded
    assert [block.folded for block in every(page, Table)] == [folded, folded]
    assert all(len(block.rows) == 5 * instances for block in every(page, Table))
    assert "the lowest is 12.5%, a_kernel_with_a_long_name_0<__nv_bfloat16, 0, 128, 128, 32>." in drawn.alt
