"""The kernels for special shapes, depthwise and few channels: exact where they serve, clear where they do not."""

import math

import ml_dtypes  # noqa: F401 (adds bfloat16 to NumPy)
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from kernel_checks import assert_exact, imagined

from refconv import index_sum, windows
from refconv.problem import OPERANDS, OPERATORS, Problem
from refconv_cuda import device
from refconv_cuda.launchers import few_channels
from refconv_cuda.launchers.depthwise import Depthwise
from refconv_cuda.launchers.few_channels import FewChannels
from refconv_cuda.simulator import Schedule, checked, scheduled
from refconv_properties import strategies

SIMULATOR = device.find("simulator")
DEPTHWISE, FEW = Depthwise(device_=SIMULATOR), FewChannels(device_=SIMULATOR)
IMPLEMENTATIONS = {
    "depthwise": DEPTHWISE,
    **DEPTHWISE.variants,
    "few channels": FEW,
    **{f"few channels, {name}": variant for name, variant in FEW.variants.items()},
}

every_implementation = pytest.mark.parametrize("implementation", IMPLEMENTATIONS.values(), ids=IMPLEMENTATIONS)
every_operator = pytest.mark.parametrize("operator", OPERATORS)


@st.composite
def depthwise_problems(draw):
    """Every channel a group: some to fill vectors and slabs, and the kernels that there are strips for."""
    problem = draw(strategies.problems(max_channels=1, max_multiplications=512))
    channels, multiplier = draw(st.sampled_from([1, 2, 3, 4, 8, 31, 36])), draw(st.sampled_from([1, 1, 1, 2, 3]))
    if draw(st.booleans()):
        side = draw(st.sampled_from([3, 7]))
        height, width = draw(st.integers(1, 16)), draw(st.integers(1, 16))
        pads = tuple(draw(st.integers(side // 2, side + 1)) for _ in range(4))
        problem = Problem(batch=problem.batch, height=height, width=width, c_in=1, c_out=1, kernel=side, padding=pads)
        channels = draw(st.sampled_from([4, 8, 36]))
    return problem.replace(c_in=channels, c_out=channels * multiplier, groups=channels)


@st.composite
def problems_with_few_channels(draw):
    """Up to four channels a group on one side, up to past a tile's edge on the other."""
    problem = draw(strategies.problems(max_channels=4, max_multiplications=1024))
    side = draw(st.sampled_from(["c_in", "c_out"]))
    many = draw(st.sampled_from([1, 4, 5, 7, 9, 16, 63, 65])) * problem.groups
    return problem.replace(**{side: many}) if problem.multiplications < 2**9 else problem


PROBLEMS = {Depthwise: depthwise_problems(), FewChannels: problems_with_few_channels()}


# -- on every problem that they serve ---------------------------------------------------------------------


@every_implementation
@every_operator
def test_every_operator_is_the_index_sum(implementation, operator):
    @settings(deadline=None, max_examples=12)
    @given(PROBLEMS[type(implementation)], strategies.seeds(), st.sampled_from(implementation.dtypes))
    def is_the_index_sum(problem, seed, dtype):
        assume(implementation.supports(problem) is True)
        assert_exact(implementation, operator, problem, seed, dtype, reference=windows)

    is_the_index_sum()


@pytest.mark.parametrize("trials", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_the_checker_finds_nothing(trials):
    @settings(deadline=None, max_examples=trials)
    @given(st.data(), st.sampled_from(sorted(IMPLEMENTATIONS)), st.sampled_from(OPERATORS), strategies.schedules())
    def nothing_is_found(data, name, operator, schedule):
        implementation = IMPLEMENTATIONS[name]
        problem = data.draw(PROBLEMS[type(implementation)])
        assume(implementation.supports(problem) is True)
        with scheduled(schedule), checked():
            assert_exact(implementation, operator, problem, 1, "float32", reference=windows)

    nothing_is_found()


@every_operator
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize(
    "text",
    [
        "b1h4w7i4o4k7p3g4",  # one whole strip
        "b2h5w8i36o36k7p3g36",  # a row and a column more, and channels past a slab
        "b3h1w6i4o4k3p1g4",  # a row of fewer strips than a block has side by side
        "b1h9w15i4o4k3p0g4",
        "b1h3w3i4o4k7p6.5.4.3g4",  # every window beyond the image
        "b1h8w9i8o8k3s2p1g8",  # vectors, strided
        "b1h8w9i3o12k2x4s3x1p1d2x1g3",  # neither
    ],
)
def test_depthwise_at_the_edges_of_strips(operator, dtype, text):
    assert_exact(DEPTHWISE, operator, Problem.parse(text), 5, dtype)


@every_operator
@pytest.mark.parametrize(
    "text",
    [
        "b1h17w9i3o65k3p1",  # pixels past a tile of 128, channels past a block's 64
        "b1h12w13i3o8k7s2p3",  # the first layer of a ResNet, small
        "b1h9w9i3o6k4s4",
        "b1h8w23i1o5k5x20s2p0.0.2.1",
        "b1h10w11i9o3k3p1",  # the last layer of a decoder: more than a run of eight channels
        "b2h7w6i10o8k3s3p2d2g2",  # few output channels of each group, between strides no tap
        "b1h3w3i130o2k1",
    ],
)
def test_few_channels_at_the_edges_of_tiles(operator, text):
    assert_exact(FEW, operator, Problem.parse(text), 5, "float32", reference=windows)


@every_implementation
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_images_at_all(implementation, dtype):
    problem = Problem.parse("b0h5w6i4o4k3p1g4")
    for operator, names in OPERANDS.items():
        shapes = {"x": problem.x_shape, "w": problem.w_shape, "gy": problem.y_shape}
        result = getattr(implementation, operator)(*(np.ones(shapes[name], dtype) for name in names), problem)
        assert result.shape == problem.result_shape(operator)
        assert not result.any()


# A term that the sum does not have must not be multiplied by a zero in its place.
@every_implementation
@pytest.mark.parametrize("text", ["b1h5w6i4o4k3g4", "b1h9w10i4o4k7g4", "b1h6w6i4o4k2s3g4"])
def test_an_infinite_element_reaches_its_own_taps_only(implementation, text):
    problem = Problem.parse(text)
    gy = np.ones(problem.y_shape, np.float32)
    for row, column in ((0, 0), (problem.height - 1, problem.width - 1), (problem.height // 2, problem.width - 1)):
        x = np.ones(problem.x_shape, np.float32)
        x[0, row, column] = np.inf
        assert np.array_equal(implementation.grad_weight(gy, x, problem), index_sum.grad_weight(gy, x, problem))


@every_implementation
@pytest.mark.parametrize("poison", [0, 0x7FC00000, 2**32 - 1])
def test_the_result_does_not_depend_on_old_memory(implementation, poison):
    with scheduled(Schedule(poison=poison)):
        for operator in OPERATORS:
            assert_exact(implementation, operator, Problem.parse("b2h7w9i4o4k3p1g4"), 3, "float32")


# -- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("implementation", "text", "said"),
    [
        (DEPTHWISE, "b1h5w5i4o4k3g2", "groups = 2 must be c_in = 4"),
        (DEPTHWISE, "b1h5w5i4o4k3", "groups = 1 must be c_in = 4"),
        (FEW, "b1h5w5i5o5k3", "c_in / groups = 5 or c_out / groups = 5 must be at most 4"),
        (FEW, "b1h40w40i1o1k2d31", "the kernel's extent = 1024 pixels must be at most 510"),
        (FEW, "b1h1w2147483646i1o1k1", "the padded image's longer side = 2147483646 must be at most 2147481599"),
    ],
)
def test_another_problem_is_refused(implementation, text, said):
    problem = Problem.parse(text)
    assert implementation.supports(problem) == said
    for operator in OPERATORS:
        with pytest.raises(ValueError, match=f"problem {problem} is not for {implementation.name}: {said}"):
            getattr(implementation, operator)(np.ones(1), np.ones(1), problem)


@pytest.mark.parametrize("make", [Depthwise, FewChannels])
def test_settings_are_checked(make):
    with pytest.raises(ValueError, match="splits = 0 must be at least 1"):
        make(splits=0)
    with pytest.raises(ValueError, match=r"tile = \(0, 3\) must be at least 1x1"):
        FewChannels(tile=(0, 3))


# -- which kernel, which tile, which grid --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "dtype", "kernel"),
    [
        ("b1h9w9i8o8k3p1g8", "float32", "strip<float, 3>"),
        ("b1h9w9i8o8k7p3g8", "bfloat16", "strip<__nv_bfloat16, 7>"),
        ("b1h9w9i8o8k7p3g8", "float64", "<double, 1>"),
        ("b1h9w9i6o6k3p1g6", "float32", "<float, 1>"),
        ("b1h9w9i8o8k5p1g8", "float32", "<float, 4>"),
        ("b1h9w9i8o8k3s2p1g8", "float16", "<__half, 4>"),
        ("b1h9w9i8o8k3p1d2g8", "float32", "<float, 4>"),
        ("b1h9w9i8o8k3x7p1g8", "float32", "<float, 4>"),
        ("b1h9w9i8o16k3p1g8", "float32", "<float, 1>"),
    ],
)
def test_the_depthwise_kernel_for_a_problem(text, dtype, kernel):
    for operator in OPERATORS:
        name, *_ = imagined(DEPTHWISE, operator, Problem.parse(text), dtype=dtype)[0]
        assert name.startswith(f"depthwise_{operator}")
        assert name.endswith(kernel)


@settings(deadline=None, max_examples=200)
@given(
    problem=strategies.problems(max_kernel=9, max_stride=6, max_extra=300, max_multiplications=10**8),
    operator=st.sampled_from(OPERATORS),
    dtype=st.sampled_from(FEW.dtypes),
)
@example(problem=Problem.parse("b1h224w224i3o64k7s2p3"), operator="forward", dtype="float32")
@example(problem=Problem.parse("b1h224w224i3o96k4s4"), operator="forward", dtype="float32")
@example(problem=Problem.parse("b1h512w512i128o3k3p1"), operator="grad_weight", dtype="float64")
def test_a_tile_fits_and_all_tiles_cover_the_image(problem, operator, dtype):
    assume(FEW.supports(problem) is True)
    tile = FEW._tile(operator, problem, dtype)
    room = few_channels.ROOMS[operator][problem.c_in_per_group > few_channels.FEW].share(dtype)
    down, across = few_channels._axes(operator, problem)
    assert tile[0] * tile[1] <= room.pixels
    assert down.patch(tile[0]) * across.patch(tile[1]) <= room.patch
    _, height, width, _ = problem.x_shape if operator == "grad_input" else problem.y_shape
    assert few_channels._tiles(operator, problem, tile) * tile[0] * tile[1] >= height * width


def test_the_first_layer_of_a_resnet_gets_whole_tiles():
    problem = Problem.parse("b1h224w224i3o64k7s2p3")
    assert math.prod(FEW._tile("forward", problem, "float32")) >= 112
    assert math.prod(FEW._tile("forward", problem, "float64")) >= 56


@every_implementation
@every_operator
@settings(deadline=None, max_examples=20)
@given(
    scale=st.sampled_from([1, 2**10, 2**20, 2**31 - 1]),
    channels=st.sampled_from([1, 4, 100, 65_540]),
    stride=st.sampled_from([1, 3, 2**31 - 1]),
    which=st.sampled_from(["batch", "height", "width"]),
)
def test_every_launch_fits_a_gpu(implementation, operator, scale, channels, stride, which):
    problem = Problem(batch=1, height=1, width=1, c_in=channels, c_out=channels, kernel=1, groups=channels)
    problem = problem.replace(**{which: scale}, stride=stride)
    try:
        launches = imagined(implementation, operator, problem)
    except ValueError as error:
        assert str(problem) in str(error)  # noqa: PT017 (the other outcome is no exception)
        return
    for _, grid, block, _ in launches:
        assert 1 <= grid[0] <= 2**31 - 1
        assert block[0] in (128, 256)
