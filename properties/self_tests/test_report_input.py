"""What ``refconv report`` refuses to read, and how it says so."""

import json
import re

import pytest
import report_results as results

from refconv.cli import main

pytest.importorskip("jinja2", reason="the page needs pip install 'refconv[report]'")

from report_pages import cells, every, read

from refconv_reports.page import report, stored
from refconv_reports.page.blocks import Paragraph


def with_(change):
    """A good file, changed."""
    file = results.file(results.GPU, [*results.pair("a", 1.0, 2.0)])
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
        "regex",
    ),
    "no datetime": (with_(lambda file: file.pop("datetime")), "`datetime`"),
    "datetime of a number": (with_(lambda file: file.update(datetime=5)), "datetime"),
    "benchmarks an object": (with_(lambda file: file.update(benchmarks={})), "Expected `array`, got `object`"),
    "no median": (with_(lambda file: file["benchmarks"][0]["stats"].clear()), "`median`.*benchmarks\\[0\\].stats"),
    "a median of 0": (with_(lambda file: file["benchmarks"][0]["stats"].update(median=0)), "> 0.0"),
    "a median of text": (with_(lambda file: file["benchmarks"][0]["stats"].update(median="1")), "Expected `float`"),
    "another kind": (with_(extra(kind="speed")), "kind 'speed', must be one of layer, simulator"),
    "a kind of a list": (with_(extra(kind=[])), "kind \\[\\], must be one of"),
    "not certified": (with_(extra(certified=False)), "must be a peer's, and say what is inexact"),
    "another operator": (with_(extra(operator="backward")), "backward"),
    "another dtype": (with_(extra(dtype="int8")), "int8"),
    "GFLOP of text": (with_(extra(gflop="many")), "gflop"),
    "no problem": (with_(extra(problem="b1h1w1")), "b1h1w1"),
    "an impossible problem": (with_(extra(problem="b1h1w1i1o1k3")), "kernel"),
    "a peer that is not there": (with_(extra(peer="cudnn")), "compared with cudnn, which this run has not timed"),
    "a ratio that is not so": (with_(extra(peer_ratio=3.0)), "has peer_ratio 3.0, but its medians say 2"),
    "another verdict": (json.dumps(results.check({"crop": "fine"}, {})), "fine.*\\$.runs\\[0\\].laws\\[0\\].verdict"),
    "certificates of a number": ('{"layers": 5}', "layers|version|missing"),
    "negative coverage": (json.dumps(results.check({}, {"one row": -1})), ">= 0"),
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
    says = r"0\.json and .*1\.json both call their machine 'synthetic-gpu', but it is Synthetic GPU of .* and Other GPU"
    with pytest.raises(stored.InputError, match=says):
        read(tmp_path, results.file(results.GPU, []), results.file(other, [], day=2))


def test_cpus_of_one_model_are_told_apart_by_their_cores(tmp_path):
    more = {**results.CPU, "cores": 4}
    page = report.page(
        read(
            tmp_path,
            results.file(results.CPU, results.pair("a", 1.0, 2.0)),
            results.file(more, results.pair("a", 1.0, 3.0)),
        )
    )
    assert [section.slug for section in page.sections] == ["on-cpu-synthetic-2", "on-cpu-synthetic-4"]
    assert [cells(glance)[1][1] for glance in page.glances] == ["2.00", "3.00"]


def test_an_inexact_peer_and_smaller_layers_are_told_of(tmp_path):
    ours, peer = results.pair("a", 1.0, 2.0)
    for one in (ours, peer):
        one["extra_info"]["scaled"] = "batch 64 to 2"
    peer["extra_info"] |= {"certified": False, "inexact": "Y[0,0,0,0] = 1.5, but the sum is 2"}
    page = report.page(read(tmp_path, results.file(results.GPU, [ours, peer])))
    told = (
        "1 layer is made smaller: the problems are in the table. 1 result of torch-cudnn is not exact, as of an "
        "algorithm with fewer multiplications: on a, forward, Y[0,0,0,0] = 1.5, but the sum is 2."
    )
    assert Paragraph(told) in every(page, Paragraph)


def test_other_benchmarks_in_a_file_are_passed_over(tmp_path):
    other = results.benchmark(1.0, kind="x")
    other["extra_info"] = {}
    found = read(tmp_path, results.file(results.GPU, [other, *results.pair("a", 1.0, 2.0)]))
    assert len(found.runs[0].results) == 2


def test_a_file_named_twice_is_read_once(tmp_path):
    paths = results.write(tmp_path, {"a.json": results.file(results.GPU, results.pair("a", 1.0, 2.0))})
    assert len(stored.read([*paths, *paths, tmp_path / ".." / tmp_path.name / "a.json"]).runs) == 1
