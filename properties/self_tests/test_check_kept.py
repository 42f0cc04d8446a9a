"""What `refconv check` keeps from run to run: counterexamples to replay, failures in a database, the coverage."""

import importlib.util
import json

import pytest
from conftest import PLANTED

from refconv.problem import Problem
from refconv_properties import database
from refconv_properties.geometry import CELLS
from refconv_properties.replay import CannotReplay, read

FAULTY = f"{PLANTED}/dropped_remainder.py:Conv"
RIGHT = f"{PLANTED}/right.py:Conv"
BRIEF = ("--dtype", "float32", "--law", "index-sum", "--law", "adjoint", "--law", "batch", "--examples", "40")


@pytest.fixture(scope="module")
def report(refconv, tmp_path_factory):
    """The report of a run in which two of three laws were broken."""
    file = tmp_path_factory.mktemp("report") / "report.json"
    ran = refconv("check", "--impl", FAULTY, *BRIEF, "--seed", "3", "--json", str(file))
    assert ran.status == 1
    return file


def counterexamples(report):
    return {
        law["law"]: (law["counterexample"]["problem"], law["counterexample"]["seed"])
        for run in report["runs"]
        for law in run["laws"]
        if law["counterexample"]
    }


def test_a_replay_finds_the_same_and_tries_nothing_else(refconv, report, tmp_path):
    before = counterexamples(json.loads(report.read_text()))
    assert set(before) == {"index-sum", "adjoint"}
    again = tmp_path / "again.json"
    ran = refconv("check", "--replay", str(report), "--json", str(again))
    assert ran.status == 1
    written = json.loads(again.read_text())
    assert counterexamples(written) == before
    assert {law["law"] for run in written["runs"] for law in run["laws"]} == set(before)


def test_what_was_mended_holds_in_a_replay(refconv, report, tmp_path):
    again = tmp_path / "again.json"
    ran = refconv("check", "--replay", str(report), "--impl", RIGHT, "--json", str(again))
    assert ran.status == 0, ran.out
    [run] = json.loads(again.read_text())["runs"]
    assert {law["law"]: law["examples"] for law in run["laws"]} == {"index-sum": 1, "adjoint": 1}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot read "),
        ("{", "is no JSON"),
        ("{}", "is no report of refconv check: KeyError: 'runs'"),
        ('{"runs": [{"spec": "", "dtype": "", "laws": [{"law": "adjoint", "counterexample": null}]}]}', "holds no"),
        ('{"runs": 3}', "is no report of refconv check: TypeError"),
    ],
)
def test_a_file_that_cannot_be_replayed_is_told(tmp_path, content, told):
    file = tmp_path / "report.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(CannotReplay) as caught:
        read(file)
    assert told in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_missing_file_ends_the_command(refconv, tmp_path):
    ran = refconv("check", "--replay", str(tmp_path / "none.json"))
    assert ran.status == 2
    assert "cannot read" in ran.err


def test_a_failure_is_kept_and_tried_first(refconv, tmp_path):
    def smallest(*options):
        report = tmp_path / "report.json"
        assert refconv("check", "--impl", FAULTY, *BRIEF, *options, "--json", str(report)).status == 1
        found = counterexamples(json.loads(report.read_text()))["index-sum"][0]
        return Problem.parse(found).multiplications

    place = tmp_path / "failures"
    first = smallest("--database", str(place), "--seed", "5")
    assert any(place.rglob("*"))
    once = ("--seed", "6", "--examples", "1")
    assert smallest(*once, "--database", str(place)) <= first  # it went on from there
    assert smallest(*once, "--database", "none") > first  # and would not have come there otherwise


@pytest.mark.parametrize("where", ["sqlite://x", "file"])
def test_a_database_that_is_none_is_told(refconv, tmp_path, where):
    if where == "file":
        where = str(tmp_path / "file")
        (tmp_path / "file").write_text("")
    ran = refconv("check", "--impl", RIGHT, "--law", "batch", "--database", where)
    assert ran.status == 2
    assert f"database {where!r}" in ran.err


@pytest.mark.skipif(importlib.util.find_spec("redis") is not None, reason="redis is installed")
def test_redis_wants_its_package():
    with pytest.raises(database.NoDatabase, match="needs the redis package: pip install redis"):
        database.opened("redis://localhost")


def test_coverage_is_printed_and_reported(refconv, tmp_path):
    file = tmp_path / "report.json"
    laws = ("--law", "index-sum", "--law", "batch", "--dtype", "float32")
    ran = refconv("check", "--impl", RIGHT, *laws, "--examples", "20", "--coverage", "--json", str(file))
    assert ran.status == 0
    [run] = json.loads(file.read_text())["runs"]
    assert set(run["coverage"]) == set(CELLS)
    assert min(run["coverage"].values()) > 0  # the named cases alone reach each
    lines = {" ".join(line.split()) for line in ran.out.splitlines()}
    assert {f"{cell} {count}" for cell, count in run["coverage"].items()} <= lines
    assert run["vacuous"] == 0
