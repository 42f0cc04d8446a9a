"""The kernels' launchers on the simulator: exact on every problem, whole with every view, clear where they refuse."""

import math
import re
from dataclasses import replace

import ml_dtypes  # noqa: F401 (adds bfloat16 to NumPy)
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from kernel_checks import Imaginary, assert_exact, assert_same, imagined, kernel_of, shapes_of

from refconv import exact, lowering
from refconv.problem import OPERANDS, OPERATORS, Padding, Pair, Problem
from refconv_cuda import convolution, device, geometry
from refconv_cuda.device import KERNELS
from refconv_cuda.launchers.direct import Direct
from refconv_cuda.launchers.im2col import Im2col
from refconv_cuda.launchers.implicit_gemm import LARGE, SMALL, ImplicitGemm, Tile
from refconv_cuda.simulator import CompileError, Schedule, checked, memory, scheduled
from refconv_cuda.target import FILLING_BLOCKS
from refconv_properties import strategies

SIMULATOR = device.find("simulator")
ODD = Tile(m=32, n=16, k=4, rows=4, columns=2)
IM2COL = Im2col(SIMULATOR)
SMALL_TILES = ImplicitGemm(tile=SMALL, device_=SIMULATOR)
IMPLEMENTATIONS = {
    "direct": Direct(SIMULATOR),
    "im2col": IM2COL,
    "16x16x8": SMALL_TILES,
    "64x64x16": ImplicitGemm("implicit-gemm-64", tile=LARGE, device_=SIMULATOR),
    "32x16x4": ImplicitGemm(tile=ODD, device_=SIMULATOR),
}

every_implementation = pytest.mark.parametrize("implementation", IMPLEMENTATIONS.values(), ids=IMPLEMENTATIONS)
every_operator = pytest.mark.parametrize("operator", OPERATORS)
dtypes = st.sampled_from(["float32", "float64", "float16", "bfloat16"])


# -- the struct -------------------------------------------------------------------------------------


def test_the_struct_has_the_fields_that_python_writes():
    text = re.sub(r"//[^\n]*", "", (KERNELS / "problem.cuh").read_text())
    body = re.search(r"struct Problem \{(.*?)\n\};", text, re.DOTALL)[1]
    members = re.findall(r"^\s*int\s+([\w\s,]+);", body, re.MULTILINE)
    names = [name.strip() for member in members for name in member.split(",")]
    assert tuple(names) == geometry.FIELDS


# Sixteen fields, no two of the same value: an exchange of any two shows.
ALL_DIFFERENT = Problem(
    batch=2, height=41, width=37, c_in=12, c_out=15, kernel=(4, 5), stride=(7, 6), padding=(8, 0, 9, 1),
    dilation=(10, 11 - 4), groups=3,
)  # fmt: skip


def fields_of(problem):
    return {
        "batch": problem.batch,
        "height": problem.height,
        "width": problem.width,
        "c_in": problem.c_in,
        "c_out": problem.c_out,
        "kernel_height": problem.kernel.height,
        "kernel_width": problem.kernel.width,
        "stride_height": problem.stride.height,
        "stride_width": problem.stride.width,
        "pad_top": problem.padding.top,
        "pad_left": problem.padding.left,
        "dilation_height": problem.dilation.height,
        "dilation_width": problem.dilation.width,
        "groups": problem.groups,
        "out_height": problem.out_height,
        "out_width": problem.out_width,
    }


def test_the_kernel_reads_each_field_where_python_writes_it():
    assigned = "".join(f"    out[{i}] = p.{name};\n" for i, name in enumerate(geometry.FIELDS))
    code = (
        f'#include "problem.cuh"\n__global__ void fields(Problem p, int* out) {{\n{assigned}out[16] = sizeof p;\n}}\n'
    )
    kernel = kernel_of(code, "fields")
    out = np.zeros(17, np.int32)
    kernel((1,), (1,), (geometry.struct(ALL_DIFFERENT), out))
    assert dict(zip(geometry.FIELDS, out.tolist(), strict=False)) == fields_of(ALL_DIFFERENT)
    assert out[16] == geometry.DTYPE.itemsize


@st.composite
def wide_problems(draw):
    """Problems of any size, most of them too large for a kernel or near the edge."""
    number = st.one_of(st.integers(1, 8), st.integers(1, 2**34), st.integers(2**31 - 3, 2**31 + 2))
    small = st.integers(0, 3)
    which = draw(st.sets(st.integers(0, 9), max_size=2))  # 9: a side of the padding
    sizes = [draw(number) if i in which else draw(st.integers(1, 4)) for i in range(9)]
    batch, height, width, c_in, c_out, stride_height, stride_width, dilation_height, dilation_width = sizes
    kernel = Pair(
        draw(st.integers(1, 3)) if 7 not in which else 1,
        draw(st.integers(1, 3)) if 8 not in which else 1,
    )
    padding = Padding(*(draw(st.one_of(small, number)) if 9 in which else draw(small) for _ in range(4)))
    height += (kernel.height - 1) * dilation_height
    width += (kernel.width - 1) * dilation_width
    return Problem(
        batch=batch, height=height, width=width, c_in=c_in, c_out=c_out, kernel=kernel,
        stride=(stride_height, stride_width), padding=padding, dilation=(dilation_height, dilation_width),
    )  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(wide_problems())
@example(Problem(batch=1, height=1, width=1, c_in=1, c_out=1, kernel=1, dilation=2**40))
@example(Problem(batch=1, height=2**31 - 1, width=1, c_in=1, c_out=1, kernel=1))
def test_a_problem_is_written_as_it_is_or_refused(problem):
    try:
        struct = geometry.struct(problem)
    except ValueError as error:
        # The other outcome is no exception, so pytest.raises does not fit.
        assert re.search(rf"problem {problem}: .* must be at most \d+", str(error))  # noqa: PT017
    else:
        assert struct.shape == ()
        assert dict(zip(geometry.FIELDS, struct.item(), strict=True)) == fields_of(problem)


ONE = Problem(batch=1, height=1, width=1, c_in=1, c_out=1, kernel=1)


def test_the_last_tile_ends_within_an_int():
    for name in ("c_in", "c_out"):
        most = geometry.MOST - geometry.TILE_SIDE
        assert geometry.struct(ONE.replace(**{name: most}))[name] == most
    assert max(LARGE.m, LARGE.n, LARGE.k) <= geometry.TILE_SIDE


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"batch": 2**31}, "batch"),
        ({"height": 2**31}, "padded height"),
        ({"width": 2**31}, "padded width"),
        ({"padding": (2**30, 2**30, 0, 0)}, "padded height"),
        ({"padding": (0, 0, 2**31, 0)}, "padded width"),
        ({"height": 2**16, "width": 2**16}, "out_height * out_width"),
        ({"height": 2**16, "width": 2**16, "stride": 2**10}, "height * width"),
        ({"c_in": 2**31}, "c_in"),
        ({"c_out": 2**31}, "c_out"),
        ({"c_in": 2**29, "height": 2, "width": 2, "kernel": 2}, "taps * c_in"),
        ({"c_in": 2**31 - 1024}, "taps * c_in"),
        ({"c_out": 2**31 - 1024}, "taps * c_out"),
        ({"stride": 2**31}, "stride"),
        ({"stride": (1, 2**31)}, "stride"),
        ({"dilation": (1, 2**31)}, "dilation"),
    ],
    ids=str,
)
def test_what_is_too_large_is_named(changes, named):
    with pytest.raises(ValueError, match=rf"{re.escape(named)}\D* = \d+ must be at most"):
        geometry.struct(ONE.replace(**changes))


# -- on every problem ---------------------------------------------------------------------------------


@every_implementation
@every_operator
@settings(deadline=None, max_examples=25)
@given(problem=strategies.problems(), seed=strategies.seeds(), dtype=dtypes, schedule=strategies.schedules())
@example(problem=Problem.parse("b0h3w4i2o3k2p1"), seed=1, dtype="float32", schedule=Schedule())
@example(problem=Problem.parse("b2h7w8i6o4k3x2s2x3p1.0.2.0d2x1g2"), seed=1, dtype="float64", schedule=Schedule())
def test_every_operator_is_the_index_sum(implementation, operator, problem, seed, dtype, schedule):
    assume(dtype in implementation.dtypes)
    with scheduled(schedule):
        assert_exact(implementation, operator, problem, seed, dtype)


# Random problems under random schedules, with every access checked: nothing is found, and the results are exact.
TRIALS = [60, pytest.param(2000, marks=pytest.mark.slow)]


@pytest.mark.parametrize("trials", TRIALS)
def test_the_checker_finds_nothing(trials):
    @settings(deadline=None, max_examples=trials)
    @given(
        st.sampled_from(list(IMPLEMENTATIONS.values())),
        st.sampled_from(OPERATORS),
        strategies.problems(max_multiplications=1024),
        strategies.seeds(),
        strategies.schedules(),
    )
    def nothing_is_found(implementation, operator, problem, seed, schedule):
        with scheduled(schedule), checked():
            assert_exact(implementation, operator, problem, seed, "float32")

    nothing_is_found()


@every_implementation
@every_operator
@pytest.mark.parametrize(
    "text",
    [
        "b1h5w13i17o33k1",  # 65 pixels, and channels just past a tile's edge
        "b2h4w8i16o64k1",  # whole tiles
        "b1h8w8i65o2k1x2",  # more terms than several slices
        "b1h6w6i34o34k1g17",  # many groups of two channels
        "b3h3w3i1o1k3p1",
        "b1h1w1i70o70k1",
    ],
)
def test_at_the_edges_of_tiles(implementation, operator, text):
    assert_exact(implementation, operator, Problem.parse(text), 5, "float32")


@every_implementation
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_images_at_all(implementation, dtype):
    problem = Problem.parse("b0h5w6i4o6k3s2p1g2")
    x, w, gy = (np.ones(shape, dtype) for shape in shapes_of(problem).values())
    assert_same(implementation.forward(x, w, problem), np.zeros(problem.y_shape, dtype))
    assert_same(implementation.grad_input(gy, w, problem), np.zeros(problem.x_shape, dtype))
    assert_same(implementation.grad_weight(gy, x, problem), np.zeros(problem.w_shape, dtype))


@settings(deadline=None, max_examples=80)
@given(
    problem=strategies.problems(),
    seed=strategies.seeds(),
    dtype=st.sampled_from(IM2COL.dtypes),
    schedule=strategies.schedules(),
)
@example(problem=Problem.parse("b0h3w4i2o3k2p1"), seed=1, dtype="float32", schedule=Schedule())
def test_im2col_and_col2im(problem, seed, dtype, schedule):
    x = exact.operands(problem, seed, dtype).x
    columns = exact.integers(lowering.columns_shape(problem), 1000, dtype, seed, stream=7)
    with scheduled(schedule):
        assert_same(IM2COL.im2col(x, problem), lowering.im2col(x, problem))
        assert_same(IM2COL.col2im(columns, problem), lowering.col2im(columns, problem))


# -- tiles and splits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("splits", [1, 2, 3, 7])
@settings(deadline=None, max_examples=20)
@given(
    problem=strategies.problems(max_batch=4, max_extra=12),
    seed=strategies.seeds(),
    dtype=dtypes,
    tile=st.sampled_from([SMALL, LARGE, ODD]),
)
@example(problem=Problem.parse("b2h9w7i3o5k3p1"), seed=1, dtype="float32", tile=ODD)
@example(problem=Problem.parse("b0h3w4i2o3k2p1"), seed=1, dtype="float32", tile=SMALL)
def test_any_number_of_splits(splits, problem, seed, dtype, tile):
    implementation = ImplicitGemm(tile=tile, splits=splits, device_=SIMULATOR)
    assert_exact(implementation, "grad_weight", problem, seed, dtype)


@settings(deadline=None)
@given(
    splits=st.none() | st.integers(1, 10**6),
    tiles=st.integers(1, 10**6),
    terms=st.integers(0, 10**12),
    tile=st.sampled_from([SMALL, LARGE, ODD]),
)
def test_splits_share_out_the_terms(splits, tiles, terms, tile):
    count, each = ImplicitGemm(tile=tile, splits=splits, device_=SIMULATOR)._split(tiles, terms)
    assert each > 0
    assert each % tile.k == 0
    assert count * each >= terms, "no term is left out"
    assert count == 1 or (count - 1) * each < terms, "no split is empty"
    assert count <= (splits or FILLING_BLOCKS)


@pytest.mark.parametrize("splits", [0, -1])
def test_no_splits_are_refused(splits):
    with pytest.raises(ValueError, match=f"splits = {splits} must be at least 1"):
        ImplicitGemm(splits=splits)


@pytest.mark.parametrize(
    "tile",
    [
        Tile(m=16, n=16, k=8, rows=1, columns=1),  # 256 threads for the 128 elements of a slice
        Tile(m=24, n=24, k=8, rows=2, columns=2),  # 144 threads for 192
        Tile(m=16, n=32, k=16, rows=2, columns=4),
        Tile(m=16, n=16, k=7, rows=2, columns=2),
        Tile(m=16, n=16, k=8, rows=3, columns=2),
    ],
    ids=lambda tile: f"{tile.arguments()}".replace(", ", "-"),
)
@every_operator
def test_a_tile_is_right_or_refused(operator, tile):
    implementation = ImplicitGemm(tile=tile, device_=SIMULATOR)
    try:
        assert_exact(implementation, operator, Problem.parse("b1h7w5i9o10k2"), 3, "float32")
    except CompileError as error:
        assert "tile.cuh" in str(error)  # noqa: PT017 (the other outcome is no exception)
        assert "share out" in str(error) or "cover" in str(error)  # noqa: PT017


def test_a_tile_of_too_many_threads():
    problem = Problem.parse("b1h7w5i9o10k2")
    x, w = np.ones(problem.x_shape, np.float32), np.ones(problem.w_shape, np.float32)
    implementation = ImplicitGemm(tile=Tile(m=64, n=64, k=64, rows=1, columns=1), device_=SIMULATOR)
    with pytest.raises((ValueError, CompileError)):
        implementation.forward(x, w, problem)


# -- memory ------------------------------------------------------------------------------------------------

PROBLEM = Problem.parse("b2h7w5i4o6k3x2s2x1p1.0.1.2d1x2g2")


def reversed_view(array):
    return np.ascontiguousarray(array[..., ::-1, :])[..., ::-1, :]


def transposed_view(array):
    return np.ascontiguousarray(array.T).T


def sliced_view(array):
    wide = np.full([2 * size + 3 for size in array.shape], np.nan, array.dtype)
    view = wide[tuple(slice(1, 2 * size + 1, 2) for size in array.shape)]
    view[...] = array
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned_view(array):
    """At an address that its own item size does not divide."""
    raw = np.zeros(array.nbytes + 1, np.uint8)
    view = raw[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def swapped_bytes(array):
    return array.astype(array.dtype.newbyteorder())


def subclass(array):
    return array.view(type("Subclass", (np.ndarray,), {}))


VIEWS = (
    reversed_view,
    transposed_view,
    sliced_view,
    read_only,
    np.asfortranarray,
    unaligned_view,
    swapped_bytes,
    subclass,
)


def calls(implementation, problem, operands):
    """Every way to call the implementation: the name, the function, the operands."""
    for operator in OPERATORS:
        first, second = (getattr(operands, name) for name in OPERANDS[operator])
        yield (
            operator,
            lambda a, b, operator=operator: getattr(implementation, operator)(a, b, problem),
            (first, second),
        )
    if isinstance(implementation, Im2col):
        columns = lowering.im2col(operands.x, problem)
        yield "im2col", lambda x: implementation.im2col(x, problem), (operands.x,)
        yield "col2im", lambda columns: implementation.col2im(columns, problem), (columns,)


@every_implementation
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_views_give_the_same(implementation, view):
    for name, call, arrays in calls(implementation, PROBLEM, exact.operands(PROBLEM, 1, "float32")):
        expected = call(*arrays)
        for viewed in ([view(arrays[0]), *arrays[1:]], [*arrays[:-1], view(arrays[-1])], [*map(view, arrays)]):
            result = call(*viewed)
            assert np.array_equal(result, expected), name
            assert result.dtype == np.float32


@every_implementation
def test_one_value_everywhere(implementation):
    # A view with strides of zero holds as many elements as its shape says.
    ones = [np.broadcast_to(np.float32(1), shape) for shape in shapes_of(PROBLEM).values()]
    operands = replace(exact.operands(PROBLEM, 1, "float32"), x=ones[0], w=ones[1], gy=ones[2])
    for name, call, arrays in calls(implementation, PROBLEM, operands):
        assert np.array_equal(call(*arrays), call(*(array.copy() for array in arrays))), name


@every_implementation
@settings(deadline=None, max_examples=15)
@given(problem=strategies.problems(), seed=strategies.seeds(), dtype=st.sampled_from(IM2COL.dtypes))
@example(problem=Problem.parse("b1h1w1i1o1k1"), seed=1, dtype="float32")
@example(problem=Problem.parse("b0h1w1i1o1k1"), seed=1, dtype="float32")
def test_operands_are_unmodified_and_results_are_the_callers_own(implementation, problem, seed, dtype):
    for name, call, arrays in calls(implementation, problem, exact.operands(problem, seed, dtype)):
        before = [array.tobytes() for array in arrays]
        result, again = call(*arrays), call(*arrays)
        assert [array.tobytes() for array in arrays] == before, name
        assert type(result) is np.ndarray
        assert memory.fence_of(result) is None, name
        assert not any(np.shares_memory(result, other) for other in (*arrays, again)), name
        assert result.flags.owndata, "a view would keep all of its base alive"
        assert result.flags.writeable
        kept = again.copy()
        result[...] = 7
        assert np.array_equal(again, kept)


@every_implementation
def test_the_result_does_not_depend_on_old_memory(implementation):
    operands = exact.operands(PROBLEM, 1, "float32")
    for name, call, arrays in calls(implementation, PROBLEM, operands):
        results = []
        for poison in (0, 0x41414141, 2**32 - 1, Schedule().poison):
            with scheduled(Schedule(poison=poison)):
                results.append(call(*arrays))
        assert all(np.array_equal(result, results[0]) for result in results), name


# -- what is refused ----------------------------------------------------------------------------------------


@every_implementation
@pytest.mark.parametrize(
    ("operator", "name"), [(operator, name) for operator in OPERATORS for name in OPERANDS[operator]]
)
def test_a_wrong_operand_is_named(implementation, operator, name):
    shapes = shapes_of(PROBLEM)
    good = {operand: np.ones(shapes[operand], np.float32) for operand in OPERANDS[operator]}
    call = getattr(implementation, operator)

    def refuses(error, said, **changed):
        with pytest.raises(error, match=said) as raised:
            call(*{**good, **changed}.values(), PROBLEM)
        assert re.match(rf"{name}\b", str(raised.value)), "the sentence begins with the argument"

    right = re.escape(str(shapes[name]))
    for shape in ((*shapes[name], 1), shapes[name][:-1], shapes[name][::-1], (0, *shapes[name][1:]), ()):
        refuses(ValueError, rf"{re.escape(str(shape))}.*{right}", **{name: np.ones(shape, np.float32)})
    for dtype in ("uint8", "int32", "int64", "bool", "complex64", "object"):
        refuses(TypeError, f"{dtype}.*float32, float64", **{name: good[name].astype(dtype)})
    refuses(TypeError, r"builtins\.list.*NumPy arrays", **{name: good[name].tolist()})
    refuses(TypeError, r"NoneType", **{name: None})
    refuses(TypeError, r"float", **{name: 1.0})
    refuses(TypeError, r"float32", **{name: np.float32(1)})


@every_implementation
@every_operator
def test_operands_of_two_dtypes(implementation, operator):
    first, second = OPERANDS[operator]
    shapes = shapes_of(PROBLEM)
    for dtypes_ in (("float32", "float64"), ("float64", "float32")):
        arrays = [np.ones(shapes[name], dtype) for name, dtype in zip((first, second), dtypes_, strict=True)]
        with pytest.raises(TypeError, match=rf"^{second} has dtype {dtypes_[1]}.*{first}, {dtypes_[0]}"):
            getattr(implementation, operator)(*arrays, PROBLEM)


def test_wrong_operands_of_im2col_and_col2im():
    columns = lowering.columns_shape(PROBLEM)
    for call, name, shape in ((IM2COL.im2col, "x", PROBLEM.x_shape), (IM2COL.col2im, "cols", columns)):
        with pytest.raises(ValueError, match=rf"^{name} has shape .*{re.escape(str(shape))}"):
            call(np.ones((1, 2, 3), np.float32), PROBLEM)
        with pytest.raises(TypeError, match=rf"^{name} has dtype int64"):
            call(np.ones(shape, np.int64), PROBLEM)
        with pytest.raises(TypeError, match=rf"^{name} is a builtins\.list"):
            call(np.ones(shape).tolist(), PROBLEM)


@every_operator
def test_a_grid_beyond_the_limit_is_refused(operator):
    # 2^20 images of 256x256 pixels, or 2^18 x 2^18 weights, in tiles of 16x16: no index exceeds an int, the grid does.
    text = "b1h1w1i524288o1048576k1" if operator == "grad_weight" else "b1048576h256w256i1o1k1"
    problem = Problem.parse(text)
    geometry.struct(problem)
    with pytest.raises(ValueError, match=rf"problem {text} needs \d+ blocks of 16x16x8, but a grid has 2147483647"):
        imagined(SMALL_TILES, operator, problem)


@every_implementation
@every_operator
@pytest.mark.parametrize(
    "changes",
    [{"batch": 2**31}, {"height": 2**31}, {"c_in": 2**31}, {"c_out": 2**31}, {"stride": 2**31}, {"dilation": 2**31}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_problem_beyond_the_limits_is_refused(implementation, operator, changes):
    problem = ONE.replace(**changes)
    with pytest.raises(ValueError, match=f"problem {problem}"):
        imagined(implementation, operator, problem)


@every_implementation
def test_a_problem_is_refused_before_memory_is_asked_for(implementation):
    # A small X, and a Y that would not fit into any memory: the sentence must come first.
    imaginary = Imaginary()
    with pytest.raises(ValueError, match=r"problem b1h1w1i1o1k1p2147483648\.0\.1048576\.0"):
        imagined(implementation, "forward", ONE.replace(padding=(2**31, 0, 2**20, 0)), on=imaginary)
    assert imaginary.allocated == []


@every_implementation
@every_operator
@settings(deadline=None, max_examples=40)
@given(problem=wide_problems(), splits=st.none() | st.integers(1, 9))
def test_every_launch_fits_a_gpu(implementation, operator, problem, splits):
    shapes = (*shapes_of(problem).values(), lowering.columns_shape(problem))
    assume(max(math.prod(shape) for shape in shapes) < 2**60)  # what NumPy can shape
    if isinstance(implementation, ImplicitGemm):
        implementation = ImplicitGemm(tile=implementation.tile, splits=splits, device_=SIMULATOR)
    try:
        launches = imagined(implementation, operator, problem)
    except ValueError as error:
        assert str(problem) in str(error)  # noqa: PT017 (the other outcome is no exception)
        return
    for _, grid, block, _ in launches:
        assert len(grid) == len(block) == 1
        assert 1 <= grid[0] <= 2**31 - 1
        assert 1 <= block[0] <= 1024


@settings(deadline=None, max_examples=100)
@given(problem=strategies.problems(max_batch=40, max_channels=40, max_multiplications=10**9))
def test_the_grid_covers_the_result(problem):
    rows = {
        "forward": problem.batch * problem.out_height * problem.out_width,
        "grad_input": problem.batch * problem.height * problem.width,
        "grad_weight": problem.terms("forward"),
    }
    columns = {"forward": problem.c_out, "grad_input": problem.c_in, "grad_weight": problem.c_out}
    for operator in OPERATORS:
        launches = imagined(ImplicitGemm(tile=ODD, splits=1), operator, problem)
        if rows[operator] == 0:
            assert launches == []
            continue
        [(name, grid, block, _)] = launches
        assert name == f"implicit_gemm_{operator}<float, 32, 16, 4, 4, 2>"
        assert block == (64,)
        tiles = -(-rows[operator] // 32) * -(-(columns[operator] // problem.groups) // 16)
        assert grid == (tiles * problem.groups,)


# -- the implementations as they are found --------------------------------------------------------------------


def test_the_registered_implementations():
    assert convolution.im2col.name == "im2col"
    assert (convolution.implicit_gemm.name, convolution.implicit_gemm.tile) == ("implicit-gemm", SMALL)
    assert (convolution.implicit_gemm_64.name, convolution.implicit_gemm_64.tile) == ("implicit-gemm-64", LARGE)
    for implementation in (convolution.im2col, convolution.implicit_gemm, convolution.implicit_gemm_64):
        assert implementation.dtypes[:2] == ("float32", "float64")
        there = implementation.on("simulator")
        assert there.device.name == "simulator"
        assert there.name == implementation.name
        with pytest.raises(ValueError, match="device = 'abacus' must be one of auto, gpu, simulator"):
            implementation.on("abacus")
    there = ImplicitGemm("mine", tile=ODD, splits=3).on("simulator")
    assert (there.name, there.tile, there.splits) == ("mine", ODD, 3)


def test_a_device_of_another_name():
    with pytest.raises(ValueError, match="device = 'abacus' must be one of auto, gpu, simulator"):
        device.find("abacus")


def test_tiles():
    assert SMALL.threads == 64
    assert LARGE.threads == 256
    assert ODD.threads == 64
    assert str(ODD) == "32x16x4"
    assert ODD.arguments() == "32, 16, 4, 4, 2"
