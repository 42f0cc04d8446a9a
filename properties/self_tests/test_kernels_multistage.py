"""The multistage kernels on the simulator: exact in each format, rounded as each says, their ring without a race."""

import itertools
import shutil

import ml_dtypes  # noqa: F401 (adds bfloat16 to NumPy)
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refconv import exact, index_sum, rounding, windows
from refconv.formats import format_of
from refconv.implementation import Implementation, ImplementationError
from refconv.problem import OPERANDS, OPERATORS, Problem
from refconv_cuda import convolution, device
from refconv_cuda.device import KERNELS
from refconv_cuda.launchers.auto import Auto
from refconv_cuda.launchers.multistage import LEAST, NAMES, TILES, Multistage
from refconv_cuda.simulator import KernelError, Race, RawModule, Schedule, UninitialisedRead, checked, scheduled
from refconv_cuda.simulator.device import Simulator
from refconv_properties import strategies
from refconv_properties.laws import catalogue
from refconv_properties.search import Plan, Searching
from refconv_properties.subject import Subject

LAWS = catalogue()
CONV = Multistage(device_=device.find("simulator"))
VARIANTS = {"default": CONV, **CONV.variants}
FORMATS = CONV.dtypes
every_operator = pytest.mark.parametrize("operator", OPERATORS)
every_format = pytest.mark.parametrize("name", FORMATS)


def problems(**limits):
    """Problems that the kernels take."""
    return strategies.problems(channels_of=(8, 8), **{"max_multiplications": 256, **limits})


def assert_exact(conv, operator, problem, seed, name):
    operands = exact.operands(problem, seed, name, operators=(operator,))
    first, second = (getattr(operands, operand) for operand in OPERANDS[operator])
    oracle = windows if problem.multiplications > 20_000 else index_sum
    expected = getattr(oracle, operator)(first, second, problem)
    result = getattr(conv, operator)(first, second, problem)
    assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
    assert np.array_equal(result, expected)


# -- exact sums ---------------------------------------------------------------------------------------------


@every_operator
@settings(deadline=None, max_examples=25)
@given(
    problem=problems(),
    seed=strategies.seeds(),
    name=st.sampled_from(FORMATS),
    variant=st.sampled_from(list(VARIANTS)),
    schedule=strategies.schedules(),
)
@example(problem=Problem.parse("b0h3w4i8o8k2p1"), seed=1, name="float16", variant="default", schedule=Schedule())
@example(
    problem=Problem.parse("b2h7w8i16o48k3x2s2x3p1.0.2.0d2x1g2"),
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
@pytest.mark.parametrize("variant", ["large tiles", "small tiles"])
def test_beyond_the_edges_of_tiles_and_rings(operator, name, variant):
    # Two tiles and a bit in rows and columns; no slice, one, as many as the ring has, and more; then taps that are no
    # whole slices, so that lanes come to the next one at different times.
    for text in (
        "b1h13w21i8o136k1",
        "b1h5w6i136o8k2s2",
        "b1h9w10i72o200k1",
        "b2h7w7i8o8k1s3",
        "b3h9w10i24o16k3s3x2p1g1",
        "b1h2w3i16o16k1x2p0x1d1x2g2",
    ):
        assert_exact(VARIANTS[variant], operator, Problem.parse(text), 3, name)


@pytest.mark.parametrize("trials", [24, pytest.param(1000, marks=pytest.mark.slow)])
def test_the_checker_finds_nothing(trials):
    @settings(deadline=None, max_examples=trials)
    @given(
        variant=st.sampled_from(list(VARIANTS)),
        operator=st.sampled_from(OPERATORS),
        problem=problems(max_multiplications=64),
        seed=strategies.seeds(),
        name=st.sampled_from(["float16"] if trials < 100 else FORMATS),
        schedule=strategies.schedules(),
    )
    def nothing_is_found(variant, operator, problem, seed, name, schedule):
        with scheduled(schedule), checked():
            assert_exact(VARIANTS[variant], operator, problem, seed, name)

    nothing_is_found()


# -- slips ---------------------------------------------------------------------------------------------------


class Changed(Simulator):
    """The simulator, checking, with the kernels of another folder."""

    def __init__(self, folder):
        self.folder = folder

    def kernel(self, file, name):
        return RawModule(path=self.folder / file, name_expressions=(name,), check=True).get_function(name)


@pytest.fixture
def changed(tmp_path):
    """Makes the small tiles' launcher with a change to multistage.cuh; and five slices for them to multiply."""
    text = (KERNELS / "multistage.cuh").read_text()
    shutil.copytree(KERNELS, tmp_path, dirs_exist_ok=True)

    def make(old, new):
        assert text.count(old) == 1, old
        (tmp_path / "multistage.cuh").write_text(text.replace(old, new))
        return Multistage(size="small", device_=Changed(tmp_path))

    return make


FIVE_SLICES = Problem.parse("b1h3w5i160o8k1")
RACES = {
    "no barrier before a slice is read": ("__syncthreads();\n            Parts parts", "Parts parts"),
    "no barrier before the ring serves the results": ("Make& make) {\n        __syncthreads();", "Make& make) {"),
    "a copy into the slice that is read": ("writing = kStages - 1;", "writing = 0;"),
    "no wait": ("            wait_for_copies<kStages - 2>();\n", ""),
    "a wait that leaves one group too many": ("wait_for_copies<kStages - 2>", "wait_for_copies<kStages - 1>"),
}


@pytest.mark.parametrize("slip", RACES)
def test_a_slip_in_the_ring_is_found(changed, slip):
    conv = changed(*RACES[slip])
    operands = exact.operands(FIVE_SLICES, 1, "float16")
    assert isinstance(first_finding(conv, operands), (Race, UninitialisedRead))


def first_finding(conv, operands):
    for seed in range(8):
        with scheduled(Schedule.from_seed(seed)):
            try:
                conv.forward(operands.x, operands.w, FIVE_SLICES)
            except KernelError as error:
                return error
    return None


WRONG = {
    "chunks in another place than copies put them": (
        "at(threadIdx.x / kRow, threadIdx.x % kRow)",
        "threadIdx.x * kChunk",
    ),
    "halves of A in the order of B's": ("kOfA ? i % 2 : i / 2", "!kOfA ? i % 2 : i / 2"),
    "a slice left out": ("slice + kStages - 1 < slices", "slice + kStages < slices"),
}


@pytest.mark.parametrize("slip", WRONG)
def test_a_slip_in_the_layout_gives_a_wrong_sum(changed, slip):
    conv = changed(*WRONG[slip])
    operands = exact.operands(FIVE_SLICES, 1, "float16")
    expected = windows.forward(operands.x, operands.w, FIVE_SLICES)
    assert not np.array_equal(conv.forward(operands.x, operands.w, FIVE_SLICES), expected)


# -- the ring ------------------------------------------------------------------------------------------------

EVERY_TILE = [(dtype, tile) for dtype in NAMES for tile in TILES[dtype].values()]


def places(dtype, tile, along):
    """The byte of each chunk of a slice of A, by row and chunk; and those to which each thread's first copy goes."""
    code = f"""
        #include "multistage.cuh"
        using T = MultistageTile<{NAMES[dtype]}, {tile.arguments().rpartition(",")[0]}>;  // without the blocks
        using S = T::Slice<{str(along).lower()}, T::kM>;
        extern "C" __global__ void places(int* at, int* mine) {{
            for (int row = 0; row < S::kBytes / S::kRow / 16; ++row) {{
                for (int chunk = 0; chunk < S::kRow; ++chunk) at[row * S::kRow + chunk] = S::at(row, chunk);
            }}
            mine[threadIdx.x] = S::mine();
        }}
    """
    row = (tile.k if along else tile.m) * np.dtype(dtype).itemsize // 16
    at, mine = np.full((tile.m if along else tile.k, row), -1, np.int32), np.full(tile.threads, -1, np.int32)
    RawModule(code=code, options=(f"-I{KERNELS}",)).get_function("places")((1,), (tile.threads,), (at, mine))
    return at, mine


@pytest.mark.parametrize(("dtype", "tile"), EVERY_TILE, ids=lambda value: str(value))
@pytest.mark.parametrize("along", [True, False])
def test_no_two_chunks_meet_in_a_bank(dtype, tile, along):
    at, mine = places(dtype, tile, along)
    assert sorted(at.ravel()) == list(range(0, at.size * 16, 16)), "every byte of the slice has one use"
    banks = at // 16 % 8
    if along or np.dtype(dtype).itemsize == 2:
        rows, chunks = 8, 1
    else:
        rows, chunks = 4, 2
    turns = [
        banks[row : row + rows, chunk : chunk + chunks].ravel()
        for row, chunk in itertools.product(range(0, len(at), rows), range(0, at.shape[1], chunks))
    ]
    assert all(len(set(turn)) == 8 for turn in turns), "reads"
    assert all(len(set(turn)) == 8 for turn in (mine // 16 % 8).reshape(-1, 8)), "copies"


@pytest.mark.parametrize(("dtype", "tile"), EVERY_TILE, ids=lambda value: str(value))
def test_two_blocks_fit_the_smallest_multiprocessor(dtype, tile):
    slices = (tile.m + tile.n) * tile.k * np.dtype(dtype).itemsize
    assert tile.stages * slices <= 48 * 1024
    assert 2 * (tile.stages * slices + 1024) <= 100 * 1024  # sm_86; a block takes 1 KB of its own


def test_the_address_of_nothing_is_aligned():
    # A copy of zeros reads nothing, but an instruction of 16 bytes may still want such an address.
    code = """
        #include "staging.cuh"
        extern "C" __global__ void nowhere(const __half* x, int* out) {
            Neighbours<__half> found = neighbours(x, kNowhere, 8);
            out[0] = found.exist;
            out[1] = static_cast<int>(reinterpret_cast<unsigned long long>(found.from) % 16);
        }
    """
    out = np.full(2, -1, np.int32)
    module = RawModule(code=code, options=(f"-I{KERNELS}",))
    module.get_function("nowhere")((1,), (1,), (np.zeros(64, np.float16), out))
    assert out.tolist() == [0, 0]


# -- what is rounded ----------------------------------------------------------------------------------------


def test_operands_of_tf32_are_rounded_to_nearest():
    # One term that is not zero for each sum: a product, exact in float32, of each operand rounded to 11 bits.
    problem = Problem.parse("b1h9w9i8o8k1")
    operands = rounding.operands(problem, 2, "tf32")
    operands.x[..., 1:] = 0
    x, w = (
        ((values.view(np.uint32) + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)
        for values in (operands.x, operands.w)
    )
    assert not np.array_equal(x, operands.x)
    assert np.array_equal(CONV.forward(operands.x, operands.w, problem), x[..., :1] * w[0, 0, :1])


@every_operator
@pytest.mark.parametrize("bits", [0x7FFFFFFF, 0xFFFFFFFF, 0x7F800001, 0x7FC00000])
def test_no_nan_is_rounded_away(operator, bits):
    problem = Problem.parse("b1h2w2i8o8k1")
    operands = exact.operands(problem, 1, "tf32")
    first, second = (getattr(operands, name) for name in OPERANDS[operator])
    first.ravel()[:1].view(np.uint32)[:] = bits
    assert np.isnan(getattr(CONV, operator)(first, second, problem)).any()


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


@every_operator
def test_the_bits_of_a_result_do_not_depend_on_the_schedule(operator):
    problem = Problem.parse("b2h8w8i40o16k3p1")
    operands = rounding.operands(problem, 1, "tf32")
    first, second = (getattr(operands, operand) for operand in OPERANDS[operator])
    results = []
    for order in ("in order", "reversed", "random"):
        with scheduled(Schedule(order)):
            results.append(getattr(VARIANTS["2 splits"], operator)(first, second, problem).tobytes())
    assert len(set(results)) == 1


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


@every_format
def test_a_gpu_without_these_instructions_is_refused(name):
    for architecture in (LEAST, 86, 120):
        conv = Multistage(device_=OldGpu(architecture))
        assert conv.in_format(name) is conv
    words = f"^multistage in {name}: this GPU is sm_75, but that needs sm_80 or later$"
    with pytest.raises(ImplementationError, match=words):
        Multistage(device_=OldGpu(75)).in_format(name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("b1h4w4i8o8k3", True),
        ("b1h4w4i24o40k3g1", True),
        ("b1h4w4i12o16k3", "c_in / groups = 12 must be a multiple of 8"),
        ("b1h4w4i16o4k3", "c_out / groups = 4 must be a multiple of 8"),
        ("b1h4w4i16o16k3g4", "c_in / groups = 4 must be a multiple of 8"),
    ],
)
def test_channels_that_are_no_vectors_are_refused(text, said):
    problem = Problem.parse(text)
    assert CONV.supports(problem) == said
    if said is not True:
        operands = exact.operands(problem, 0, "float16")
        with pytest.raises(ValueError, match=f"^problem {text} is not for multistage: {said}$"):
            CONV.forward(operands.x, operands.w, problem)


def test_what_the_launcher_cannot_do_is_refused():
    one = np.ones((1, 1, 1, 8))
    with pytest.raises(TypeError, match="x has dtype float64, but multistage is for tf32, float16, bfloat16"):
        CONV.forward(one, np.ones((1, 1, 8, 8)), Problem.parse("b1h1w1i8o8k1"))
    with pytest.raises(ValueError, match="vectors = False must be True: multistage moves nothing else"):
        Multistage(vectors=False)
    assert "single elements" not in CONV.variants


@every_format
def test_the_chooser_takes_it_for_vectors_on_a_gpu_that_has_what_it_needs(name):
    among = (convolution.tensor_core, convolution.multistage)
    fits, ragged = Problem.parse("b8h56w56i64o64k3p1"), Problem.parse("b8h56w56i60o60k3p1")
    auto = Auto("auto", among=among, device_=OldGpu(80))
    for operator in OPERATORS:
        assert auto.chosen(operator, fits, name).name == "multistage"
        assert auto.chosen(operator, ragged, name).name == "tensor-core"
    if name == "float16":
        assert Auto("auto", among=among, device_=OldGpu(75)).chosen("forward", fits, name).name == "tensor-core"


# -- as it is found --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("law", "name"), [("rounding", "tf32"), ("locality", "bfloat16"), ("views", "float16")])
def test_laws(law, name):
    conv = Implementation("it", "it", "simulator", FORMATS, OPERATORS, CONV)
    assert Searching(LAWS[law], Subject(conv, format_of(name)), Plan(6, 0)).run().verdict == "held"
