"""The chooser: what it counts, what it picks, how it is overruled, and what it prints."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import ml_dtypes  # noqa: F401 (adds bfloat16 to NumPy)
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_checks import assert_exact

from refconv.layers import Layer, read
from refconv.problem import OPERATORS, Problem
from refconv_cuda import choose, convolution, device
from refconv_cuda.launchers.auto import Auto
from refconv_cuda.launchers.work import dense_product_shape, least_elements, product_shape, tiled
from refconv_cuda.target import MULTIPROCESSORS
from refconv_properties import strategies

SIMULATOR = device.find("simulator")
LAYERS = Path(__file__).parents[2] / "reports" / "layers.csv"
SMALL = [Layer(text, Problem.parse(text)) for text in ("b1h5w5i1o1k3", "b2h9w9i16o16k3p1")]
BASELINES: set[str] = set()
LARGE = Problem.parse("b256h56w56i64o64k3p1")
KERNELS = {kernel.name: kernel for kernel in convolution.KERNELS}
AUTO = convolution.auto

every_dtype = pytest.mark.parametrize("dtype", AUTO.dtypes)


# -- counting ---------------------------------------------------------------------------------------


@given(strategies.problems())
def test_the_product_of_each_operator_has_as_many_products_as_the_index_sum(problem):
    for operator in ("forward", "grad_weight"):
        rows, columns, terms = product_shape(operator, problem)
        assert rows * columns * terms * problem.groups == problem.multiplications
    rows, columns, terms = product_shape("grad_input", problem)
    assert (rows, columns) == (problem.batch * problem.height * problem.width, problem.c_in_per_group)
    assert terms == problem.terms("grad_input")


def test_a_tail_counts_as_a_whole_tile():
    problem = Problem.parse("b1h5w13i3o65k1")  # 65 pixels, 65 output channels, 3 terms
    shape = product_shape("forward", problem)
    assert tiled(shape, 1, m=64, n=64, k=16) == (4 * 64 * 64 * 16, 4)
    assert tiled(shape, 1, m=5, n=13, k=1) == (problem.multiplications, 65)


def test_a_strided_gradient_may_leave_out_what_lies_between():
    problem = Problem.parse("b1h8w8i8o8k4s2")
    *sides, terms = product_shape("grad_input", problem)
    assert dense_product_shape("grad_input", problem) == (*sides, terms // 4)
    for operator in ("forward", "grad_weight"):
        assert dense_product_shape(operator, problem) == product_shape(operator, problem)


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
@given(problem=strategies.problems())
def test_work_is_never_less_than_the_problem_asks_for(kernel, problem):
    if kernel.supports(problem) is not True:
        return
    for operator, dtype in itertools.product(OPERATORS, kernel.dtypes):
        work = kernel.work(operator, problem, dtype)
        least = problem.multiplications if operator != "grad_input" else 0  # what no window reaches has no products
        assert work.multiply_adds >= least
        assert work.elements >= least_elements(problem)
        assert work.blocks >= (1 if problem.multiplications else 0)
        assert 0 < work.pace <= 1
        assert work.launches >= 1


# -- choosing ---------------------------------------------------------------------------------------


@every_dtype
@given(problem=strategies.problems(), operator=st.sampled_from(OPERATORS))
def test_the_fastest_that_can_is_chosen(dtype, problem, operator):
    found = AUTO.candidates(operator, problem, dtype)
    assert {candidate.implementation.name for candidate in found} == set(AUTO.variants)
    assert [candidate.seconds for candidate in found] == sorted(candidate.seconds for candidate in found)
    for candidate in found:
        assert bool(candidate.refusal) == (candidate.work is None) == (candidate.seconds == float("inf"))
    assert not found[0].refusal
    assert AUTO.chosen(operator, problem, dtype).name == found[0].implementation.name
    assert AUTO.work(operator, problem, dtype) == found[0].work


def test_every_kernel_is_somebodys_choice():
    # A kernel that is never the fastest by the model is a baseline, and is named as one here.
    chosen = {
        AUTO.chosen(operator, layer.problem, dtype).name
        for layer in [*read(LAYERS), *SMALL]
        for dtype in AUTO.dtypes
        for operator in OPERATORS
    }
    assert set(KERNELS) - chosen == BASELINES


@every_dtype
@settings(deadline=None, max_examples=15)
@given(problem=strategies.problems(), seed=strategies.seeds(), operator=st.sampled_from(OPERATORS))
def test_what_is_chosen_is_the_index_sum(dtype, problem, seed, operator):
    auto = AUTO.at(SIMULATOR).in_format(dtype)
    assert_exact(auto, operator, problem, seed, dtype)


# -- overruling -------------------------------------------------------------------------------------


def test_an_operator_can_be_handed_to_a_kernel_by_name():
    among = convolution.KERNELS
    auto = Auto("mine", among=among, using={"forward": "im2col"})
    free = Auto("free", among=among)
    assert auto.chosen("forward", LARGE, "float32").name == "im2col"
    assert free.chosen("forward", LARGE, "float32").name != "im2col"
    for operator in ("grad_input", "grad_weight"):
        assert auto.chosen(operator, LARGE, "float32").name == free.chosen(operator, LARGE, "float32").name


def test_a_kernel_that_cannot_is_not_overruled():
    auto = Auto("mine", among=convolution.KERNELS, using={"forward": "im2col"})
    with pytest.raises(ValueError, match=r"problem b256h56w56i64o64k3p1: im2col is for float32, float64"):
        auto.chosen("forward", LARGE, "float16")


def test_a_wrong_name_is_refused():
    with pytest.raises(ValueError, match=r"using\['forward'\] = 'abacus' must be one of direct, im2col"):
        Auto("mine", among=convolution.KERNELS, using={"forward": "abacus"})


def test_waves_that_fill_the_machine_badly_cost_time():
    kernel = KERNELS["implicit-gemm-64"]
    pixels = MULTIPROCESSORS * 64
    full, over = (Problem.parse(f"b1h1w{width}i64o64k1") for width in (pixels, pixels + 1))
    one, two = (choose.candidates([kernel], "forward", problem, "float32")[0] for problem in (full, over))
    assert two.seconds > 1.9 * one.seconds - choose.LAUNCH


# -- telling ----------------------------------------------------------------------------------------


def test_the_choice_is_told(refconv):
    ran = refconv("kernels", "--choose", "b256h56w56i64o64k3p1", "--dtype", "float16")
    assert ran.status == 0
    for operator in OPERATORS:
        assert f"\n{operator}: " in ran.out
    assert "  not im2col, warp-tiled, pointwise: is for float32, float64\n" in ran.out
    assert re.search(r"tile 64x64x32, \d+ splits", ran.out)


def test_nobody_needs_to_read_to_the_end():
    script = "import sys; from refconv.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "kernels", "--choose", "b1h9w9i9o9k3"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_cannot_be_chosen_is_said(refconv):
    ran = refconv("kernels", "--choose", "b1h1w1i1o1k1", "--dtype", "float8")
    assert (ran.status, ran.out) == (2, "")
    assert "dtype float8 must be one of float32, float64, " in ran.err
    assert refconv("kernels", "--choose", "b1h1w1i1o1k5").status == 2
    ran = refconv("kernels", "--dtype", "float32")
    assert (ran.status, ran.out) == (2, "")
    assert "--dtype is for --choose" in ran.err


def test_a_choice_needs_no_package_of_bfloat16():
    script = (
        "import sys; sys.modules['ml_dtypes'] = None\n"
        "import refconv_cuda.instances\n"
        "from refconv import Problem\n"
        "from refconv_cuda.convolution import auto\n"
        "print(auto.candidates('forward', Problem.parse('b64h56w56i64o64k3p1'), 'bfloat16')[0].implementation.name)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("multistage\n", "")
