"""`refconv check` on input that cannot be checked: exit status 2, and a sentence that says why."""

import importlib.util

import pytest

from refconv.cli import main

BARE = ("--law", "index-sum", "--dtype", "float32", "--examples", "3")

PROBLEMS = {
    "b1h2w2i1o1k3": "kernel height = 3 must fit into the padded input height, 2 (2 plus 0 of padding)",
    "b1h4w2i1o1k1x5p1": "kernel width = 5 must fit into the padded input width, 4 (2 plus 2 of padding)",
    "b1h4w4i1o1k3d2": "kernel height = 3, spread over 5 by dilation 2, must fit into the padded input height, 4",
    "b1h2w2i3o4k1g2": "groups = 2 must divide c_in = 3",
    "b1h2w2i4o3k1g2": "groups = 2 must divide c_out = 3",
    "b1h2w2i1o1k1s0": "stride = 0 must be at least 1",
    "b1h2w2i1o1k1s1x0": "stride width = 0 must be at least 1",
    "b1h2w2i1o1k0": "kernel = 0 must be at least 1",
    "b1h0w2i1o1k1": "height = 0 must be at least 1",
    "b1h2w2i1o1k1d0": "dilation = 0 must be at least 1",
    "b1h2w2i1o1k1g0": "groups = 0 must be at least 1",
    "b1h2w2i1o1k1p-1": "problem 'b1h2w2i1o1k1p-1' is not of the form b1h5w7i3o4k3[s2][p1][d1][g1]",
    "b1h2w2i1o1k1p1.2": "problem 'b1h2w2i1o1k1p1.2' is not of the form",
    "b1h2w2i1o1k1p1.2.3": "is not of the form",
    "b1h2w2i1o1": "is not of the form",
    "b1h2w2i1o1k1s2s2": "is not of the form",
    "b1h2w2i1o1k1g1s1": "is not of the form",
    "B1H2W2I1O1K1": "is not of the form",
    "3x3": "problem '3x3' is not of the form",
    "": "problem '' is not of the form",
    " b1h2w2i1o1k1": "is not of the form",
    "b1h2w2i1o1k1\n": "is not of the form",
    "b١h2w2i1o1k1": "is not of the form",
}


def refused(capsys, *arguments):
    """What `refconv check` writes to standard error on arguments that it must refuse."""
    try:
        status = main(["check", *arguments])
    except SystemExit as stop:  # argparse
        status = stop.code
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize("text", PROBLEMS)
def test_a_problem_that_is_none_is_refused_by_name_value_and_rule(capsys, text):
    err = refused(capsys, text, "--impl", "windows")
    assert PROBLEMS[text] in err
    assert "refconv check: error: argument PROBLEM: " in err


def test_one_wrong_problem_among_right_ones_is_refused(capsys):
    assert "groups = 2 must divide c_in = 3" in refused(capsys, "b1h2w2i1o1k1", "b1h2w2i3o4k1g2")


@pytest.mark.parametrize("text", ["b1h9999999w9999999i1o1k1", "b99999999999999999999h1w1i1o1k1"])
def test_a_problem_beyond_any_memory_is_no_verdict(refconv, text):
    ran = refconv("check", text, "--impl", "windows", "--law", "adjoint", "--dtype", "float32")
    assert ran.status == 2
    assert text in ran.err
    assert "ended without a result" not in ran.err


def test_a_layer_sized_problem_is_not_summed_literally(refconv):
    problem = "b8h56w56i64o64k3p1"
    ran = refconv("check", problem, "--impl", "windows", "--law", "index-sum", "--law", "subsample")
    assert ran.status == 2
    assert "takes too long: see refconv certify: index-sum" in ran.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--examples", "0"), "--examples: '0' must be a whole number, at least 1"),
        (("--examples", "many"), "--examples: 'many' must be a whole number, at least 1"),
        (("--examples", "1.5"), "--examples: '1.5' must be a whole number, at least 1"),
        (("--seed", "-1"), "--seed: '-1' must be a whole number, at least 0 and below 2^32"),
        (("--seed", "4294967296"), "--seed: '4294967296' must be a whole number"),
        (("--time-limit", "0"), "--time-limit: '0' must be a number of seconds above 0"),
        (("--time-limit", "nan"), "--time-limit: 'nan' must be a number of seconds above 0"),
        (("--time-limit", "inf"), "--time-limit: 'inf' must be a number of seconds above 0"),
        (("--jobs", "0"), "--jobs: '0' must be a whole number, at least 1"),
        (("--device", "tpu"), "--device: invalid choice: 'tpu'"),
        (("--profile", "slow"), "--profile: invalid choice: 'slow'"),
        (("--frobnicate",), "unrecognized arguments: --frobnicate"),
        (("--law", "nope"), "law 'nope' must be one of "),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(capsys, arguments, told):
    assert told in refused(capsys, *arguments)


def test_an_unknown_law_is_told_which_there_are(capsys):
    err = " ".join(refused(capsys, "--law", "index-sum", "--law", "index_sum").split())
    assert "law 'index_sum' must be one of " in err
    assert all(law in err for law in ("index-sum", "adjoint", "schedule"))


@pytest.mark.parametrize("dtype", ["float99", "float16"])
def test_a_dtype_that_is_not_offered_is_no_verdict(check, dtype):
    ran = check("right.py:Conv", "--law", "index-sum", "--examples", "3", "--dtype", dtype)
    assert ran.status == 2
    assert f"is for dtypes float32, float64, not for {dtype}" in ran.err


def test_a_gpu_that_is_not_there_is_told_with_what_to_install(refconv):
    if importlib.util.find_spec("cupy"):
        pytest.skip("CuPy is here")
    ran = refconv("check", "--device", "gpu", *BARE)
    assert ran.status == 2
    assert ran.out == ""
    assert "pip install 'refconv[cuda12]' or 'refconv[cuda13]'" in ran.err
    assert "CuPy" in ran.err


@pytest.mark.parametrize("place", ["/dev/null/report.json", "/", "/dev/full"])
def test_a_report_that_cannot_be_written_is_told(refconv, place):
    ran = refconv("check", "--impl", "windows", *BARE, "--jobs", "1", "--json", place)
    assert ran.status == 2
    assert f"cannot write {place}: " in ran.err
    assert "held: all 1 laws tried" in ran.out


def test_a_broken_law_outranks_a_report_that_cannot_be_written(check):
    ran = check("returns_none.py:Conv", *BARE, "--json", "/dev/null/report.json")
    assert "cannot write /dev/null/report.json" in ran.err
    assert "BROKEN" in ran.out
    assert ran.status in (1, 2)


@pytest.mark.parametrize("command", [(), ("frobnicate",), ("check", "--help"), ("--version",), ("laws",)])
def test_the_command_itself(refconv, command):
    ran = refconv(*command)
    assert ran.status == (0 if command and command != ("frobnicate",) else 2)
    assert ran.out + ran.err != ""


def test_the_catalogue_has_a_formula_and_what_it_kills_for_each_law(refconv):
    lines = refconv("laws").out.splitlines()
    listed = [line for line in lines if not line.startswith(" ")]
    assert "index-sum" in listed
    for told in ("    kills: ", "    seen:  ", "    trust: "):
        assert sum(line.startswith(told) for line in lines) == len(listed)


def test_what_is_registered_is_listed(refconv):
    ran = refconv("implementations")
    assert ran.status == 0
    assert all(name in ran.out for name in ("windows", "implicit-gemm", "im2col", "index-sum"))
