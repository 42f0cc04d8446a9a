"""Warp tiles and 1x1 kernels on the simulator: exact on every problem, and what their headers claim."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kernel_checks import assert_exact, blocks_of, imagined, kernel_of

from refconv import windows
from refconv.problem import OPERATORS, Problem
from refconv_cuda import convolution, device
from refconv_cuda.launchers.gathered import Product, takes_vectors
from refconv_cuda.launchers.pointwise import Pointwise
from refconv_cuda.launchers.warp_tiled import TILES, WarpTile, WarpTiled
from refconv_cuda.simulator import CompileError, Schedule, checked, scheduled
from refconv_properties import strategies

SIMULATOR = device.find("simulator")
MADE = {
    "chosen": {},
    "large": {"size": "large"},
    "small": {"size": "small"},
    "single": {"vectors": False},
}
WARP_TILED = {name: WarpTiled(device_=SIMULATOR, **how) for name, how in MADE.items()}
POINTWISE = {name: Pointwise(device_=SIMULATOR, **how) for name, how in MADE.items()}

every_operator = pytest.mark.parametrize("operator", OPERATORS)
every_way = pytest.mark.parametrize("way", MADE)
dtypes = st.sampled_from(["float32", "float64"])


@st.composite
def problems(draw, **limits):
    """Problems whose channels often come in fours in each group, so that vectors are moved."""
    problem = draw(strategies.problems(max_multiplications=512, **limits))
    times_in, times_out = draw(st.sampled_from([(4, 4), (4, 8), (12, 4), (1, 1), (4, 1), (1, 4)]))
    return problem.replace(c_in=problem.c_in * times_in, c_out=problem.c_out * times_out)


# -- on every problem ---------------------------------------------------------------------------------


@every_way
@every_operator
@settings(deadline=None, max_examples=20)
@given(problem=problems(), seed=strategies.seeds(), dtype=dtypes, schedule=strategies.schedules())
@example(problem=Problem.parse("b0h3w4i4o4k2p1"), seed=1, dtype="float32", schedule=Schedule())
@example(problem=Problem.parse("b2h7w8i24o16k3x2s2x3p1.0.2.0d2x1g2"), seed=1, dtype="float64", schedule=Schedule())
def test_every_operator_is_the_index_sum(way, operator, problem, seed, dtype, schedule):
    with scheduled(schedule):
        assert_exact(WARP_TILED[way], operator, problem, seed, dtype)


@every_way
@every_operator
@settings(deadline=None, max_examples=12)
@given(problem=problems(max_kernel=1), seed=strategies.seeds(), dtype=dtypes, dense=st.booleans())
@example(problem=Problem.parse("b2h3w5i8o12k1"), seed=1, dtype="float32", dense=True)
@example(problem=Problem.parse("b2h3w5i8o12k1s2p1"), seed=1, dtype="float32", dense=False)
def test_pointwise_is_the_index_sum(way, operator, problem, seed, dtype, dense):
    if dense:
        problem = problem.replace(stride=1, padding=0)
    assert_exact(POINTWISE[way], operator, problem, seed, dtype)


# Random problems under random schedules, with every access checked: nothing is found, and the results are exact.
@pytest.mark.parametrize("trials", [24, pytest.param(1000, marks=pytest.mark.slow)])
def test_the_checker_finds_nothing(trials):
    @settings(deadline=None, max_examples=trials)
    @given(
        way=st.sampled_from(list(MADE)),
        operator=st.sampled_from(OPERATORS),
        problem=problems(),
        seed=strategies.seeds(),
        schedule=strategies.schedules(),
    )
    def nothing_is_found(way, operator, problem, seed, schedule):
        family = POINTWISE if problem.kernel == (1, 1) else WARP_TILED
        with scheduled(schedule), checked():
            assert_exact(family[way], operator, problem, seed, "float32")

    nothing_is_found()


@every_way
@every_operator
@pytest.mark.parametrize(
    "text",
    [
        "b1h1w127i4o124k1",  # just below a tile, at it, and beyond it
        "b1h8w16i8o128k1",
        "b3h43w1i12o132k1",
        "b1h5w13i17o33k1",
        "b1h4w4i132o4k3p1",  # the sum is much longer than the result
        "b1h1w1i68o68k1",
        "b2h5w5i128o128k3p1g32",  # many groups of four channels
        "b1h40w40i4o4k1",  # more bands of tiles than one
    ],
)
def test_at_the_edges_of_tiles(way, operator, text):
    problem = Problem.parse(text)
    assert_exact(WARP_TILED[way], operator, problem, 5, "float32", windows)
    if problem.kernel == (1, 1):
        assert_exact(POINTWISE[way], operator, problem, 5, "float32", windows)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "text",
    [
        "b2h7w7i4o8k1s3",  # eight of nine classes of pixels have no tap
        "b1h3w2i4o4k2s5p2",  # a stride larger than the image
        "b1h9w9i4o4k3s2p2d2",  # stride and dilation share a factor: classes of odd pixels have no tap
        "b1h13w11i4o4k4x3s6x4p5d4x6",
        "b1h12w10i4o4k3x4s3x2p0.1.2.0d2x3",
        "b1h9w10i3o5k3s2p1",
    ],
)
def test_the_classes_of_a_strided_gradient(text, dtype):
    for implementation in WARP_TILED.values():
        assert_exact(implementation, "grad_input", Problem.parse(text), 3, dtype, windows)


@pytest.mark.parametrize("splits", [1, 2, 7])
@settings(deadline=None, max_examples=15)
@given(
    problem=problems(max_batch=4, max_extra=12), seed=strategies.seeds(), dtype=dtypes, way=st.sampled_from(list(MADE))
)
@example(problem=Problem.parse("b2h9w7i4o8k3p1"), seed=1, dtype="float32", way="large")
def test_any_number_of_splits(splits, problem, seed, dtype, way):
    family = Pointwise if problem.kernel == (1, 1) else WarpTiled
    implementation = family(splits=splits, device_=SIMULATOR, **MADE[way])
    assert_exact(implementation, "grad_weight", problem, seed, dtype)


# -- the pieces of the kernels, by themselves --------------------------------------------------------------


@pytest.fixture(scope="module")
def taps_reaching():
    """The taps of a residue class along one axis: their numbers and shifts, as the kernels walk along them."""
    code = """
        #include "gather.cuh"
        extern "C" __global__ void taps(int residue, int taps, int stride, int dilation, int pad, int* out) {
            AxisTaps t = taps_reaching(residue, taps, stride, dilation, pad);
            out[0] = t.count;
            for (int i = 0; i < t.count; ++i) {
                out[1 + 2 * i] = t.first + i * t.step;
                out[2 + 2 * i] = t.shift + i * t.delta;
            }
        }
    """
    kernel = kernel_of(code, "taps")

    def reaching(*geometry):
        out = np.zeros(61, np.int32)
        kernel((1,), (1,), (*map(np.int32, geometry), out))
        return [(int(m), int(shift)) for m, shift in out[1:].reshape(-1, 2)[: out[0]]]

    return reaching


@settings(deadline=None, max_examples=300)
@given(
    taps=st.integers(1, 30),
    stride=st.integers(1, 12),
    dilation=st.integers(1, 12),
    pad=st.integers(0, 20),
    residue=st.integers(0, 11),
)
def test_the_taps_of_a_class_are_a_progression(taps_reaching, taps, stride, dilation, pad, residue):
    residue %= stride
    there = [
        (m, (residue + pad - m * dilation) // stride)
        for m in range(taps)
        if (residue + pad - m * dilation) % stride == 0
    ]
    assert taps_reaching(residue, taps, stride, dilation, pad) == there


@pytest.fixture(scope="module")
def tasks():
    """What each block of a grid computes: tile row and column, class, group, split."""
    code = """
        #include "warp_tile.cuh"
        extern "C" __global__ void tasks(int rows, int columns, int width, int classes, int groups, int* out) {
            WarpTask t = warp_task(rows, columns, width, classes, groups);
            int* mine = out + 5 * blockIdx.x;
            mine[0] = static_cast<int>(t.tile_row);
            mine[1] = t.tile_column;
            mine[2] = t.class_;
            mine[3] = t.group;
            mine[4] = t.split;
        }
    """
    kernel = kernel_of(code, "tasks")

    def of(rows, columns, width, classes, groups, splits):
        blocks = rows * -(-columns // width) * classes * groups * splits
        out = np.full((blocks, 5), -1, np.int32)
        kernel((blocks,), (1,), (*map(np.int32, (rows, columns, width, classes, groups)), out))
        return [tuple(task) for task in out.tolist()]

    return of


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 20),
    columns=st.integers(1, 40),
    classes=st.integers(1, 4),
    groups=st.integers(1, 3),
    splits=st.integers(1, 3),
)
def test_every_tile_is_computed_once(tasks, rows, columns, classes, groups, splits):
    wanted = itertools.product(range(rows), range(-(-columns // 8)), range(classes), range(groups), range(splits))
    assert sorted(tasks(rows, columns, 8, classes, groups, splits)) == sorted(wanted)


def test_blocks_that_run_together_share_what_they_read(tasks):
    # 16 rows of 5 tiles: the first 40 blocks are the first 8 rows.
    together = tasks(16, 40, 8, 1, 1, 1)[:40]
    assert {row for row, *_ in together} == set(range(8))


EVERY_TILE = [(dtype, tile) for dtype, tiles in TILES.items() for tile in tiles.values()]
every_tile = pytest.mark.parametrize(("dtype", "tile"), EVERY_TILE, ids=lambda value: str(value))


def accesses(dtype, tile):
    """For each thread of a block: where it stores its vectors, its first row and column of C; threads and blocks."""
    real = {"float32": "float", "float64": "double"}[dtype]
    code = f"""
        #include "warp_tile.cuh"
        using T = WarpTile<{real}, {tile.arguments()}>;
        extern "C" __global__ void accesses(int* out) {{
            int* mine = out + 7 * threadIdx.x;
            T::Place along = T::place<true, T::kM>(0), across = T::place<false, T::kN>(0);
            mine[0] = along.term * (T::kM + T::kPad) + along.line;
            mine[1] = across.term * (T::kN + T::kPad) + across.line;
            mine[2] = T::row(0);
            mine[3] = T::column(0);
            mine[4] = along.term * 1000 + along.line;
            mine[5] = across.term * 1000 + across.line;
            mine[6] = T::kThreads * 1000 + T::kBlocks;
        }}
    """
    out = np.full((tile.threads, 7), -1, np.int32)
    kernel_of(code, "accesses")((1,), (tile.threads,), (out,))
    return out


@every_tile
def test_no_two_lanes_meet_in_a_bank(dtype, tile):
    """32 banks of 4 bytes. Wide accesses take turns: lanes of 8 bytes by halves of a warp, those of 16 by quarters."""
    size = np.dtype(dtype).itemsize
    found = accesses(dtype, tile)

    def most_in_a_bank(firsts, width):
        """How many different words lanes of one turn want of one bank. firsts: their elements; width: their bytes."""
        worst = 0
        for turn in firsts.reshape(-1, 32 // max(1, width // 4)):
            words = {int(first) * size // 4 + word for first in turn for word in range(width // 4)}
            worst = max(worst, *np.bincount([word % 32 for word in words]))
        return worst

    assert most_in_a_bank(found[:, 0], size) == 1, "stores along the terms, one element each"
    # A thread's four doubles are two accesses, 32 bytes from its neighbour's.
    assert most_in_a_bank(found[:, 1], 16) == (1 if dtype == "float32" else 2), "stores across the terms"
    assert most_in_a_bank(found[:, 2], 16) == 1, "operands from A"
    assert most_in_a_bank(found[:, 3], 16) == 1, "operands from B"


@every_tile
def test_threads_share_out_a_slice(dtype, tile):
    found = accesses(dtype, tile)
    assert found[0, 6] == tile.threads * 1000 + tile.blocks
    for column, lines, along in ((4, tile.m, True), (5, tile.n, False)):
        firsts = {divmod(int(place), 1000) for place in found[:, column]}
        wanted = (
            itertools.product(range(0, tile.k, 4), range(lines))
            if along
            else itertools.product(range(tile.k), range(0, lines, 4))
        )
        assert firsts == set(wanted)


# -- the launcher ----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    wanted=st.none() | st.integers(1, 10**6),
    rows=st.integers(1, 10**4),
    terms=st.integers(0, 10**12),
    tile=st.sampled_from([tile for _, tile in EVERY_TILE]),
)
def test_splits_share_out_the_terms(wanted, rows, terms, tile):
    product = Product(rows=rows, columns=64, terms=terms, parts=1)
    splits, each = product.split(tile.m, tile.n, tile.k, tile.resident, wanted)
    assert 0 < each <= 2**30
    assert each % tile.k == 0
    assert splits * each >= terms, "no term is left out"
    assert (splits - 1) * each < max(1, terms), "no split is empty"
    if wanted is not None:
        assert splits <= max(wanted, math.ceil(terms / 2**30) + 1)


@pytest.mark.parametrize(("rows", "least"), [(64, 300), (576, 50), (64 * 528, 1)])
def test_a_long_sum_is_split_until_the_machine_is_full(rows, least):
    tile = TILES["float32"]["small"]
    product = Product(rows=rows, columns=64, terms=200_704, parts=1)
    splits, _ = product.split(tile.m, tile.n, tile.k, tile.resident)
    assert splits >= least
    assert product.blocks(tile.m, tile.n) * splits <= 2 * tile.resident


@pytest.mark.parametrize(
    ("text", "operator", "size"),
    [
        ("b64h56w56i64o64k3p1", "forward", "small"),  # 64 columns would leave half of the larger tile empty
        ("b64h28w28i256o256k3p1", "forward", "large"),
        ("b64h28w28i256o256k3p1", "grad_input", "large"),
        ("b64h28w28i256o256k3p1", "grad_weight", "large"),
        ("b1h14w14i256o256k3p1", "forward", "small"),  # 4 of the larger tiles, for 132 multiprocessors
    ],
)
def test_the_tile_is_chosen_by_the_problem(text, operator, size):
    work = WarpTiled().work(operator, Problem.parse(text), "float32")
    assert work.note.split(",")[0] == f"tile {TILES['float32'][size]}"


def test_vectors_are_moved_where_channels_and_addresses_allow_for_it():
    whole, half = Problem.parse("b1h1w1i8o8k1g2"), Problem.parse("b1h1w1i8o8k1g4")
    memory = np.zeros(64, np.float32)
    aligned = memory[(-memory.ctypes.data // 4) % 4 :][:16]
    assert takes_vectors(whole, [aligned], 4)
    assert not takes_vectors(half, [aligned], 4), "two channels a group"
    assert takes_vectors(half, [aligned], 2)
    for offset in (1, 2, 3):
        assert not takes_vectors(whole, [aligned, memory[(-memory.ctypes.data // 4) % 4 + offset :]], 4)
    assert WarpTiled().work("forward", half, "float32").note.endswith("single elements")


def test_one_launch_for_all_classes_of_a_strided_gradient():
    [launch] = imagined(WarpTiled(size="small"), "grad_input", Problem.parse("b2h17w16i64o64k3s2p1"))
    assert launch[0].startswith("warp_tiled_grad_input<float, 4, 64, 64,")
    assert blocks_of(launch) == 4 * math.ceil(2 * 9 * 8 / 64)


@every_operator
def test_pointwise_multiplies_plainly_where_it_can(operator):
    for text, family in (
        ("b2h9w9i8o8k1", "pointwise"),
        ("b2h9w9i8o8k1s2", "warp_tiled"),
        ("b2h9w9i8o8k1p0.1.0.0", "warp_tiled"),
        ("b2h9w9i3o5k1", "warp_tiled"),
    ):
        name, *_ = imagined(Pointwise(), operator, Problem.parse(text))[0]
        assert name.startswith(f"{family}_{operator}<float")


def test_pixels_beyond_an_int_are_split():
    problem = Problem.parse("b2000000h64w64i1o1k1")  # 8 * 10^9 pixels
    launch, *_ = imagined(WarpTiled(splits=1), "grad_weight", problem)
    assert launch[0].startswith("warp_tiled_grad_weight<float, 1,")
    assert blocks_of(launch) == 8


@every_operator
def test_a_grid_beyond_the_limit_is_refused(operator):
    text = "b1h1w1i4194304o4194304k1" if operator == "grad_weight" else "b2000000h256w256i1o512k1"
    text = text.replace("i1o512", "i512o1") if operator == "grad_input" else text
    with pytest.raises(ValueError, match=rf"problem {text} needs \d+ blocks of 64x64, but a grid has 2147483647"):
        imagined(WarpTiled(vectors=False), operator, Problem.parse(text))


def test_what_is_refused():
    with pytest.raises(ValueError, match="size = 'huge' must be one of large, small"):
        WarpTiled(size="huge")
    with pytest.raises(ValueError, match="splits = 0 must be at least 1"):
        WarpTiled(splits=0)
    problem = Problem.parse("b1h5w5i4o4k3")
    for operator in OPERATORS:
        with pytest.raises(ValueError, match=f"problem {problem} is not for pointwise: kernel = 3x3 must be 1x1"):
            imagined(convolution.pointwise, operator, problem)


@pytest.mark.parametrize(
    "tile", [WarpTile(96, 64, 8, 8, 4, 4, 4), WarpTile(64, 64, 8, 6, 4, 4, 4), WarpTile(64, 64, 4, 8, 4, 4, 4)], ids=str
)
def test_a_tile_that_cannot_be_shared_out_does_not_compile(tile):
    code = f"""
        #include "warp_tile.cuh"
        extern "C" __global__ void f(int* out) {{ *out = WarpTile<float, {tile.arguments()}>::kPad; }}
    """
    with pytest.raises(CompileError, match=r"warp_tile\.cuh"):
        kernel_of(code, "f")
