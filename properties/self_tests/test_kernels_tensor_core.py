"""The tensor-core kernels on the simulator: exact in each format, rounded as each says, refused on too old a GPU."""

import kernel_checks
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refconv import index_sum, rounding, windows
from refconv.formats import format_of
from refconv.implementation import Implementation, ImplementationError, load
from refconv.problem import OPERANDS, OPERATORS, Problem
from refconv_cuda import convolution, device
from refconv_cuda.launchers.auto import Auto
from refconv_cuda.launchers.tensor_core import NUMBERS, TensorCore
from refconv_cuda.simulator import Schedule, checked, scheduled
from refconv_properties import strategies
from refconv_properties.laws import catalogue
from refconv_properties.search import Plan, Searching
from refconv_properties.subject import Subject

LAWS = catalogue()
SIMULATOR = device.find("simulator")
CONV = TensorCore(device_=SIMULATOR)
VARIANTS = {"default": CONV, **CONV.variants}
FORMATS = tuple(NUMBERS)
every_operator = pytest.mark.parametrize("operator", OPERATORS)
every_format = pytest.mark.parametrize("name", FORMATS)


def assert_exact(conv, operator, problem, seed, name):
    oracle = windows if problem.multiplications > 20_000 else index_sum
    kernel_checks.assert_exact(conv, operator, problem, seed, name, oracle)


# -- exact sums ---------------------------------------------------------------------------------------------


@every_operator
@settings(deadline=None, max_examples=25)
@given(
    problem=strategies.problems(),
    seed=strategies.seeds(),
    name=st.sampled_from(FORMATS),
    variant=st.sampled_from(list(VARIANTS)),
    schedule=strategies.schedules(),
)
@example(problem=Problem.parse("b0h3w4i8o8k2p1"), seed=1, name="float16", variant="default", schedule=Schedule())
@example(
    problem=Problem.parse("b2h7w8i16o24k3x2s2x3p1.0.2.0d2x1g2"),
    seed=1,
    name="bfloat16",
    variant="large tiles",
    schedule=Schedule("reversed"),
)
def test_every_operator_is_the_index_sum(operator, problem, seed, name, variant, schedule):
    with scheduled(schedule):
        assert_exact(VARIANTS[variant], operator, problem, seed, name)


@every_operator
@every_format
@pytest.mark.parametrize("variant", ["large tiles", "small tiles", "single elements"])
def test_beyond_the_edges_of_tiles_and_slices(operator, name, variant):
    # Two tiles and a bit in rows and columns, more than two slices of terms; then tiles much larger than the problem.
    for text in ("b1h13w21i8o136k1", "b1h5w6i136o8k2s2", "b3h9w10i24o16k3s3x2p1g1", "b1h2w3i16o16k1x2p0x1d1x2g2"):
        assert_exact(VARIANTS[variant], operator, Problem.parse(text), 3, name)


@pytest.mark.parametrize("trials", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_the_checker_finds_nothing(trials):
    @settings(deadline=None, max_examples=trials)
    @given(
        variant=st.sampled_from(list(VARIANTS)),
        operator=st.sampled_from(OPERATORS),
        problem=strategies.problems(max_multiplications=1024),
        seed=strategies.seeds(),
        name=st.sampled_from(["float16"] if trials < 100 else FORMATS),
        schedule=strategies.schedules(),
    )
    def nothing_is_found(variant, operator, problem, seed, name, schedule):
        with scheduled(schedule), checked():
            assert_exact(VARIANTS[variant], operator, problem, seed, name)

    nothing_is_found()


# -- what is rounded ----------------------------------------------------------------------------------------


def test_operands_of_tf32_are_rounded_to_nearest():
    # 1x1 on one channel: a single product, exact in float32, of each operand rounded to 11 bits.
    problem = Problem.parse("b1h9w9i1o1k1")
    operands = rounding.operands(problem, 2, "tf32")
    x, w = (
        ((values.view(np.uint32) + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)
        for values in (operands.x, operands.w)
    )
    assert not np.array_equal(x, operands.x)
    assert np.array_equal(CONV.forward(operands.x, operands.w, problem), x * w)


@every_format
def test_real_data_is_within_the_bound_of_its_format_and_of_no_finer_one(name):
    problem = Problem.parse("b1h8w8i8o16k3p1")
    form = format_of(name)
    operands = rounding.operands(problem, 1, form)
    for operator, names in OPERANDS.items():
        first, second = (getattr(operands, operand) for operand in names)
        computed = getattr(CONV, operator)(first, second, problem)
        assert rounding.excess(operator, computed, first, second, problem, form) == []
        if name == "tf32":
            assert rounding.excess(operator, computed, first, second, problem, "float32") != []


# -- what is refused ----------------------------------------------------------------------------------------


class OldGpu:
    """What is asked of a GPU before anything is computed."""

    name = "gpu"

    def __init__(self, architecture):
        self.architecture = architecture

    def lacks(self, dtype):
        return None

    def kernel(self, file, name):
        return None


@pytest.mark.parametrize(
    ("architecture", "taken"), [(61, ()), (70, ("float16",)), (75, ("float16",)), (80, FORMATS), (120, FORMATS)]
)
def test_a_gpu_without_these_tensor_cores_is_refused(architecture, taken):
    conv = TensorCore(device_=OldGpu(architecture))
    for name in FORMATS:
        if name in taken:
            assert conv.in_format(name) is conv
            continue
        least = "70" if name == "float16" else "80"
        words = f"^tensor-core in {name}: this GPU is sm_{architecture}, but that needs sm_{least} or later$"
        with pytest.raises(ImplementationError, match=words):
            conv.in_format(name)


def test_the_chooser_passes_over_what_the_gpu_lacks():
    problem = Problem.parse("b8h56w56i64o64k3p1")
    among = (convolution.implicit_gemm_64, convolution.tensor_core)
    for architecture, chosen in ((61, "implicit-gemm-64"), (70, "tensor-core")):
        auto = Auto("auto", among=among, device_=OldGpu(architecture))
        assert auto.chosen("forward", problem, "float16").name == chosen
        with pytest.raises(ImplementationError, match=f"auto in tf32: this GPU is sm_{architecture}"):
            auto.in_format("tf32")


def test_another_format_is_refused():
    problem = Problem.parse("b1h1w1i1o1k1")
    one = np.ones((1, 1, 1, 1))
    with pytest.raises(TypeError, match="x has dtype float64, but tensor-core is for tf32, float16, bfloat16"):
        CONV.forward(one, one, problem)
    with pytest.raises(ValueError, match="size = 'huge' must be one of large, small"):
        TensorCore(size="huge")
    with pytest.raises(ValueError, match="splits = 0 must be at least 1"):
        TensorCore(splits=0)


def test_a_grid_beyond_the_limit_is_refused():
    # 2^20 images of 256x512 pixels in tiles of 64x64 for each of 4 groups; no operand is looked at.
    problem = Problem.parse("b1048576h512w512i4o4k1g4")
    x, w = (np.broadcast_to(np.float16(0), shape) for shape in (problem.x_shape, problem.w_shape))
    with pytest.raises(ValueError, match=f"problem {problem} needs 17179869184 blocks of 64x64, but a grid has"):
        TensorCore(device_=Weightless()).forward(x, w, problem)


class Weightless(OldGpu):
    """Memory without bytes."""

    def __init__(self):
        super().__init__(90)

    def to_device(self, array):
        return array

    def holds(self, array):
        return False

    def empty(self, shape, dtype):
        return np.broadcast_to(np.zeros((), dtype), shape)


# -- as they are found ----------------------------------------------------------------------------------------


def test_the_chooser_offers_tf32_and_does_not_take_float32_for_it():
    auto = load("auto", "simulator")
    assert set(auto.dtypes) == {"float64", "float32", "tf32", "float16", "bfloat16"}
    assert set(auto.usual) == {"float64", "float32"}
    problem = Problem.parse("b1h9w9i1o1k1")
    operands = rounding.operands(problem, 2, "float32")
    strict = auto.chosen("float32")[0].target.forward(operands.x, operands.w, problem)
    coarse = auto.chosen("tf32")[0].target.forward(operands.x, operands.w, problem)
    assert np.array_equal(strict, operands.x * operands.w)
    assert np.array_equal(coarse, CONV.forward(operands.x, operands.w, problem))


@pytest.mark.parametrize("law", ["rounding", "locality", "views"])
def test_laws(law):
    conv = Implementation("it", "it", "simulator", FORMATS, OPERATORS, CONV)
    for name in FORMATS:
        assert Searching(LAWS[law], Subject(conv, format_of(name)), Plan(6, 0)).run().verdict == "held"
