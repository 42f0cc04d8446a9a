"""`refconv.certificate`: what is right passes, a wrong element anywhere is found and named, and `refconv certify`."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from refconv import certificate, layers, windows
from refconv.certificate import LEAST_REACH, MISS, Expected, Pair, element, operands
from refconv.layers import Layer
from refconv.problem import OPERATORS, Problem

P = Problem.parse
LAYERS = Path(__file__).parents[2] / "reports" / "layers.csv"
PLANTED = Path(__file__).parent / "planted"
DTYPES = ["float64", "float32", "float16", "int64", "int32", "int8", "uint8"]
PROBLEMS = [
    P("b3h7w6i4o6k3x2s2x1p1.0.2.1g2"),
    P("b2h5w9i3o2k1x3s3p0.2.1.1d2x1"),
    P("b2h6w5i12o9k2"),  # more channels than `FEW`
    P("b4h6w6i10o10k3p1g10"),
    P("b1h8w3i20o4k3x1s3x2p4.0.0.1d2x3g2"),
    P("b2h3w3i2o3k1p1"),
]
each_operator = pytest.mark.parametrize("operator", OPERATORS)


def windows_of(operator, pair, problem):
    return getattr(windows, operator)(pair.first, pair.second, problem)


@each_operator
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_what_is_right_passes_in_every_dtype(problem, dtype, operator):
    for seed in range(3):
        pair = operands(operator, problem, seed, dtype)
        result = windows_of(operator, pair, problem)
        expected = Expected(operator, pair, problem, seed + 1)
        found = expected.certify(result)
        assert found.holds
        assert found.probability == expected.probability <= MISS
        assert found.samples > 0
        assert np.abs(result.astype(np.float64)).max() <= pair.most  # it is stored exactly


@each_operator
def test_in_bfloat16_too(operator):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    pair = operands(operator, PROBLEMS[0], 1, ml_dtypes.bfloat16)
    result = windows_of(operator, pair, PROBLEMS[0])
    expected = Expected(operator, pair, PROBLEMS[0], 1)
    assert expected.certify(result).holds
    result[-1, -1, -1, -1] += 1
    assert not expected.certify(result).holds


def test_one_wrong_element_is_never_missed():
    """1,000 trials: anywhere, by anything, in every operator, dtype and geometry of this file."""
    random = np.random.default_rng(20)
    missed = []
    for trial in range(1000):
        operator, problem = OPERATORS[trial % 3], PROBLEMS[trial // 3 % len(PROBLEMS)]
        dtype = DTYPES[int(random.integers(len(DTYPES)))]
        pair = operands(operator, problem, trial, dtype)
        right = windows_of(operator, pair, problem)
        wrong = right.copy()
        index = tuple(int(random.integers(size)) for size in wrong.shape)
        with np.errstate(over="ignore"):
            wrong[index] += np.array([1, 2, 17, 100][int(random.integers(4))], dtype)
        assert wrong[index] != right[index]
        found = Expected(operator, pair, problem, trial, samples=0).certify(wrong)
        if found.wrong is None or (found.wrong.index, found.wrong.expected) != (index, right[index]):
            missed.append((trial, operator, problem, dtype, index, found))
    assert missed == []


@each_operator
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 0.5, 1e-30])
def test_values_that_no_sum_can_have_are_found(operator, value):
    pair = operands(operator, PROBLEMS[0], 1, "float32")
    result = windows_of(operator, pair, PROBLEMS[0])
    right = int(result[1, 0, 1, 1])
    result[1, 0, 1, 1] = result[1, 0, 1, 1] + value if value == 0.5 else value
    found = Expected(operator, pair, PROBLEMS[0], 1, samples=0).certify(result)
    assert (found.wrong.index, found.wrong.expected) == ((1, 0, 1, 1), right)


@each_operator
def test_errors_that_cancel_in_plain_sums_are_found(operator):
    """Two images exchanged, channels exchanged, plus here and minus there: sums over all elements stay the same."""
    problem = PROBLEMS[2]
    pair = operands(operator, problem, 1, "float32")
    right = windows_of(operator, pair, problem)
    for axis in range(4):
        assert not Expected(operator, pair, problem, 2, samples=0).certify(np.flip(right, axis)).holds
    wrong = right.copy()
    wrong[0, 0, 0, 0] += 5
    wrong[0, 0, 0, 1] -= 5
    found = Expected(operator, pair, problem, 2, samples=0).certify(wrong)
    assert (found.wrong.index, found.places) == ((0, 0, 0, 0), 1)


@each_operator
@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_sampled_elements_are_the_literal_sum(operator, problem):
    from refconv import index_sum

    pair = operands(operator, problem, 3, "int64")
    literal = getattr(index_sum, operator)(pair.first, pair.second, problem)
    for index in np.ndindex(literal.shape):
        assert element(operator, index, pair.first, pair.second, problem) == literal[index]


def test_a_wrong_sample_is_found_without_the_projection():
    pair = operands("forward", PROBLEMS[5], 1, "float32")
    result = windows_of("forward", pair, PROBLEMS[5])
    expected = Expected("forward", pair, PROBLEMS[5], 1, samples=10_000)
    result[1, 2, 2, 1] += 1
    expected._projected = expected._project_result(result)[0]
    assert expected.certify(result).wrong.index == (1, 2, 2, 1)


def test_more_terms_than_a_format_holds_are_thinned():
    problem = P("b2h8w8i64o3k3p1")
    pair = operands("forward", problem, 1, "float16")
    assert (pair.most, pair.thinned) == (576, "")
    pair = operands("forward", problem, 1, "int8")
    assert "576 terms a sum are too many: W holds at most 127 nonzeros" in pair.thinned
    assert np.count_nonzero(pair.second) == 127


def test_what_is_projected_is_exact():
    for operator in OPERATORS:
        for problem in (P("b256h4w4i512o512k3p1"), P("b1h2w2i4o4096k1"), P("b9h3w3i2o2k3")):
            for dtype in ("float64", "float32", "int64"):
                pair = operands(operator, problem, 1, dtype) if math.prod(problem.x_shape) < 10**7 else None
                expected = Expected(operator, pair, problem, 1, samples=1)
                weights = certificate._weights(operator, problem)
                assert pair.most * weights * expected.reach**2 <= 2**53
                assert expected.reach >= LEAST_REACH


def test_empty_batches():
    problem = P("b0h4w4i2o3k3")
    for operator in OPERATORS:
        pair = operands(operator, problem, 1, "float32")
        result = windows_of(operator, pair, problem)
        expected = Expected(operator, pair, problem, 1)
        assert expected.certify(result).holds
        if operator == "grad_weight":
            result[0, 1, 1, 1] = 3
            assert expected.certify(result).wrong.index == (0, 1, 1, 1)


def test_other_shapes_are_refused():
    pair = operands("forward", PROBLEMS[0], 1, "float32")
    with pytest.raises(ValueError, match=r"the result has shape \(1, 2, 3, 4\), but must have"):
        Expected("forward", pair, PROBLEMS[0], 1).certify(np.zeros((1, 2, 3, 4), np.float32))
    with pytest.raises(ValueError, match="x has shape"):
        Expected("forward", Pair(pair.first[1:], pair.second, pair.most, ""), PROBLEMS[0], 1)


# -- layers ---------------------------------------------------------------------------------------


def test_the_table_of_layers_is_read():
    table = layers.read(LAYERS)
    assert len(table) == len({layer.name for layer in table}) == 53
    assert table[0].problem == P("b256h224w224i3o64k7s2p3")
    assert any(layer.problem.groups > 1 for layer in table)
    assert any(layer.problem.dilation.height > 1 for layer in table)


def test_layers_are_scaled_by_batch_first():
    layer = Layer("one", P("b256h56w40i8o16k3p1"))
    assert layer.scaled(10**12, "float32") == layer
    some = layer.scaled(10**7, "float32")
    assert (some.problem, some.changes) == (P("b32h56w40i8o16k3p1"), "batch 256 to 32")
    small = layer.scaled(60_000, "float32")
    assert small.changes == "batch 256 to 1, height 56 to 28, width 40 to 20"
    assert layers.footprint(small.problem, "float32") <= 60_000
    least = layer.scaled(1, "float32").problem
    assert min(least.out_height, least.out_width) == 4


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a,1,5,5,2,2,3,3,1,1,0,0,1,x", "layers.csv:2: groups = 'x' must be a whole number"),
        ("a,1,5,5,3,2,3,3,1,1,0,0,1,2", "layers.csv:2: groups = 2 must divide c_in = 3"),
        ("", "has no layer"),
    ],
)
def test_bad_tables_are_refused_in_words(tmp_path, line, words):
    path = tmp_path / "layers.csv"
    path.write_text(f"{','.join(layers.COLUMNS)}\n{line}\n")
    with pytest.raises(ValueError, match=words):
        layers.read(path)
    path.write_text("name,n,h\n")
    with pytest.raises(ValueError, match="has no column w"):
        layers.read(path)


# -- the command ----------------------------------------------------------------------------------


def test_the_command_certifies_problems_and_tables(refconv, tmp_path):
    table = tmp_path / "some.csv"
    lines = LAYERS.read_text().splitlines()
    chosen = [line for line in lines[1:] if line.startswith(("tiny", "mbn_dw_64", "db_ocr4"))]
    table.write_text("\n".join([lines[0], *chosen]) + "\n")
    report = tmp_path / "report.json"
    ran = refconv(
        "certify", "b2h9w9i4o8k3s2p1", str(table), "--impl", "windows", "--memory", "2M", "--json", str(report)
    )
    assert ran.status == 0, ran.out + ran.err
    assert "held: all 12 results" in ran.out
    assert "scaled: batch 128 to" in ran.out
    rows = json.loads(report.read_text())["layers"]
    assert len(rows) == 12
    assert {row["verdict"] for row in rows} == {"held"}
    assert all(row["probability"] <= MISS and row["samples"] == 16 for row in rows)


def test_the_command_names_a_wrong_element(refconv):
    spec = f"{PLANTED}/swapped_padding.py:Conv"
    ran = refconv("certify", "b2h9w9i4o8k3s2p1x0", "--impl", spec, "--operator", "forward", "--seed", "1")
    assert ran.status == 1
    assert "Y[0,0,0,0] = " in ran.out
    assert "but the sum is" in ran.out
    assert "BROKEN: 1 of 1 results" in ran.out


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        ("wrong_shape.py:Conv", "grad_input returned shape"),
        ("returns_none.py:Conv", "forward returned NoneType, not an array"),
        ("kills_process.py:Conv", "the process was killed by SIGSEGV while grad_input of b2h8w8i4o8k3s2p1"),
        ("never_returns_c.py:Conv", "did not return within 0.5 s, and had to be ended"),
        ("loses_the_gpu.py:Late", "grad_input raised RuntimeError: cudaErrorIllegalAddress"),
        ("loses_the_gpu.py:Endless", "BROKEN: grad_input of b2h8w8i4o8k3s2p1, b2h8w8i4o8k3s2p1, did not return within"),
    ],
)
def test_the_command_has_a_sentence_for_what_goes_wrong(refconv, planted, words):
    ran = refconv("certify", "b2h8w8i4o8k3s2p1", "--impl", f"{PLANTED}/{planted}", "--time-limit", "0.5")
    assert words in ran.out
    assert ran.status == 1


def test_nothing_is_blamed_for_what_follows_a_fault_on_a_gpu(refconv, tmp_path):
    problems, report = ("b2h8w8i4o8k3p1", "b2h8w8i4o8k3s2p1", "b2h8w8i4o8k1"), tmp_path / "report.json"
    ran = refconv("certify", *problems, "--impl", f"{PLANTED}/loses_the_gpu.py:Late", "--json", str(report))
    assert ran.status == 1
    lost = f"BROKEN: grad_input of {problems[1]}; nothing more can be tried, the GPU is lost: cudaErrorIllegalAddress"
    assert lost in ran.out
    rows = json.loads(report.read_text())["layers"]
    assert [row["verdict"] for row in rows] == ["held"] * 4 + ["broken"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.csv"], "No such file"),
        (["b1h1w1i1o1k2"], "kernel height = 2 must fit"),
        (["b1h1w1i1o1k1", "--memory", "lots"], "--memory lots must be a number of bytes"),
        (["b1h1w1i1o1k1", "--dtype", "int8"], "is for dtypes float32, float64, not for int8"),
        (["b1h1w1i1o1k1", "--impl", "nobody"], "'nobody' is not a registered implementation"),
    ],
)
def test_the_command_refuses_bad_input_in_words(refconv, arguments, words):
    arguments = arguments if "--impl" in arguments else [*arguments, "--impl", "windows"]
    ran = refconv("certify", *arguments)
    assert ran.status == 2
    assert words in ran.err


def test_what_cannot_be_shrunk_is_skipped_and_nothing_verified(refconv):
    ran = refconv("certify", "b1h8w8i512o512k3", "--impl", "windows", "--memory", "1M")
    assert ran.status == 2
    assert "W and one small image take" in ran.out
    assert "nothing was verified" in ran.out
