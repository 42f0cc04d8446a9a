"""Formats on the command line: which are tested, what is told about each, and what is missing for one."""

import json

import pytest
from conftest import PLANTED

SPEC = f"{PLANTED / 'formats.py'}"
LAWS = ("--law", "index-sum", "--law", "rounding")


def dtypes(ran):
    return {run["dtype"]: run["verdict"] for run in ran.report["runs"]}


def test_without_a_format_the_usual_ones_are_tested(check):
    assert dtypes(check("formats.py:Conv", *LAWS, "--examples", "4")) == {"float64": "held", "float32": "held"}


def test_without_the_usual_ones_all_that_are_offered_are_tested(check):
    assert dtypes(check("formats.py:Narrow", *LAWS, "--examples", "4")) == {"bfloat16": "held", "tf32": "held"}


def test_the_formats_that_were_asked_for_are_tested(check):
    ran = check("formats.py:Conv", *LAWS, "--examples", "40", "--dtype", "tf32", "--dtype", "bfloat16")
    assert dtypes(ran) == {"tf32": "held", "bfloat16": "held"}
    assert "tf32" in ran.out


def test_tf32_is_not_float32(check):
    ran = check("formats.py:Deceiver", *LAWS, "--examples", "60", "--dtype", "float32", "--dtype", "tf32")
    assert ran.status == 1
    assert dtypes(ran) == {"float32": "broken", "tf32": "held"}
    assert "rounding in float32 explains at most" in ran.out
    assert "--dtype float32 --law rounding" in ran.out


def test_what_was_broken_in_a_format_is_replayed_in_it(refconv, check, tmp_path):
    ran = check("formats.py:WrongInFloat16", *LAWS, "--examples", "20", "--dtype", "float16", "--dtype", "tf32")
    assert dtypes(ran) == {"float16": "broken", "tf32": "held"}
    (tmp_path / "report.json").write_text(json.dumps(ran.report))
    again = refconv("check", "--replay", str(tmp_path / "report.json"), "--jobs", "1")
    assert again.status == 1
    assert "in 1 run" in again.out
    assert "float16" in again.out


@pytest.mark.parametrize("name", ["tf32", "float16", "bfloat16"])
def test_explain_and_certify_in_each_format(refconv, name):
    ran = refconv("explain", "b2h5w6i3o4k3p1", "--impl", f"{SPEC}:Conv", "--dtype", name)
    assert ran.status == 0
    assert f"host, {name}: nothing is wrong" in ran.out
    ran = refconv("certify", "b4h12w12i8o8k3p1", "--impl", f"{SPEC}:Conv", "--dtype", name, "--seed", "1")
    assert ran.status == 0
    assert f"host, {name}, seed 1" in ran.out


def test_explain_names_the_mistake_in_float16(refconv):
    ran = refconv("explain", "b1h4w4i2o2k3", "--impl", f"{SPEC}:WrongInFloat16", "--dtype", "float16")
    assert ran.status == 1
    assert "twice" in ran.out


@pytest.mark.parametrize("command", [("check",), ("certify", "b1h1w1i1o1k1"), ("explain", "b1h1w1i1o1k1")])
def test_bfloat16_without_ml_dtypes_is_refused_in_a_sentence(refconv, tmp_path, command):
    (tmp_path / "ml_dtypes.py").write_text("raise ImportError('not here')")
    variables = {"PYTHONPATH": str(tmp_path)}
    ran = refconv(*command, "--impl", f"{SPEC}:Conv", "--dtype", "bfloat16", **variables)
    assert ran.status == 2
    assert "formats.py:Conv: bfloat16 arrays need ml_dtypes" in ran.err
    assert "pip install ml_dtypes" in ran.err
    if command == ("check",):
        assert refconv("check", "--impl", f"{SPEC}:Conv", "--law", "crop", "--examples", "2", **variables).status == 0
