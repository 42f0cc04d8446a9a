"""docs/findings.md: how it is made. The frameworks themselves are not needed here."""

import ast
import json

import faults
import findings
import pytest
import set_aside
from faults import FAULTS

from refconv.implementation import load, registered
from refconv.problem import Problem

GROUPED, PLAIN = Problem.parse("b1h1w1i2o2k1g2"), Problem.parse("b1h1w1i2o2k1")


def test_the_page_is_what_the_results_say():
    results = json.loads(findings.RESULTS.read_text(encoding="utf-8"))
    assert findings.PAGE.read_text(encoding="utf-8") == findings.page(results)


def test_every_release_is_registered_and_has_its_row():
    names = [release.implementation for release in findings.RELEASES]
    assert set(names) <= set(registered())
    adapters = {name for name, point in registered().items() if point.value.startswith("refconv.adapters")}
    assert adapters == set(names)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_each_fault_has_a_script_that_needs_no_refconv(fault):
    script = ast.parse(fault.path.read_text(encoding="utf-8"))
    imported = {name.name for node in ast.walk(script) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module for node in ast.walk(script) if isinstance(node, ast.ImportFrom)}
    assert imported
    assert not any(name.startswith("refconv") for name in imported)
    assert fault.title.endswith(".")
    assert fault.path.parent == faults.FOLDER


def test_a_fault_explains_what_it_shows_and_nothing_else():
    fault = FAULTS["jax_infinity_crosses_groups"]
    sentence = "dX[0,0,0,1] = nan, and -56 without G[0,0,0,0] = inf, but no term of its sum holds that"
    assert fault.explains("jax", GROUPED, sentence)
    assert not fault.explains("jax", PLAIN, sentence)
    assert not fault.explains("torch", GROUPED, sentence)
    assert not fault.explains("jax", GROUPED, "dX[0,0,0,1] = 4, but the index sum gives 5")


def test_the_older_release_confuses_images_with_rows():
    shows = FAULTS["onnx_same_upper"].shows
    assert shows(Problem.parse("b2h7w8i3o1k3s2p1.1.0.1"))
    assert not shows(Problem.parse("b1h5w5i1o1k3p1"))  # the standard's own test


def test_what_is_set_aside_is_not_supported(monkeypatch):
    monkeypatch.setenv("SET_ASIDE_OF", "windows")
    monkeypatch.setenv("SET_ASIDE", "jax_infinity_crosses_groups,onnx_transposed_empty_batch")
    found = load(f"{set_aside.__file__}:conv")
    assert found.operators == load("windows").operators
    assert found.unsupported(PLAIN) is None
    assert found.unsupported(GROUPED).startswith("set aside: A grouped convolution")
    assert found.unsupported(PLAIN.replace(batch=0)).startswith("set aside: ConvTranspose")


def report(verdict, problem="b1h1w1i2o2k1g2", says="dX[0,0,0,1] = nan"):
    found = {"problem": problem, "explanation": [says], "seed": 3}
    law = {"law": "locality", "verdict": verdict, "reason": None, "examples": 7}
    law["counterexample"] = found if verdict == "broken" else None
    return {"runs": [{"dtype": "float64", "laws": [law]}]}


def examined(monkeypatch, *reports):
    """What a release's laws come to, and what was set aside in each round."""
    rounds, rest = [], iter(reports)

    def checked(python, release, seed, jobs, aside, laws):
        rounds.append(([fault.script for fault in aside], laws))
        return next(rest)

    monkeypatch.setattr(findings, "_checked", checked)
    monkeypatch.setattr(findings, "_shown", lambda python, fault: {})
    monkeypatch.setattr(findings, "_described", lambda python, release: {"implementation": "jax", "version": "1"})
    result = findings.examined(findings.Release("jax"), seed=1, jobs=1)
    assert next(rest, None) is None
    return result["laws"][0], rounds


def test_a_law_is_tried_again_with_its_fault_set_aside(monkeypatch):
    law, rounds = examined(monkeypatch, report("broken"), report("held"))
    assert rounds == [([], []), (["jax_infinity_crosses_groups"], ["locality"])]
    assert [cause["fault"] for cause in law["broken_by"]] == ["jax_infinity_crosses_groups"]
    assert law["verdict"] == "broken"
    assert law["unexplained"] is None


def test_what_no_fault_explains_is_told(monkeypatch):
    law, rounds = examined(monkeypatch, report("broken"), report("broken", "b1h1w1i1o1k1", "Y[0,0,0,0] = 3"))
    assert len(rounds) == 2
    assert law["unexplained"]["problem"] == "b1h1w1i1o1k1"
    held, _ = examined(monkeypatch, report("held"))
    assert (held["verdict"], held["broken_by"], held["unexplained"]) == ("held", [], None)


def test_one_law_anew_leaves_the_others():
    before = {"version": "1", "laws": [{"law": law, "dtype": "float32", "seen": 1} for law in ("crop", "views")]}
    anew = {"version": "2", "laws": [{"law": "crop", "dtype": "float32", "seen": 2}]}
    merged = findings._merged(before, anew)
    assert merged["version"] == "2"
    assert [(law["law"], law["seen"]) for law in merged["laws"]] == [("crop", 2), ("views", 1)]
